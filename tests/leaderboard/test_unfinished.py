"""What is finished of a run that is not: its records are whole, a page's table is their score, and the run goes on from them."""

import shutil
from pathlib import Path

import pytest

import fortifai
from fortifai.planning.chains import Selection
from fortifai.planning.plan import make_plan
from fortifai.planning.suite_file import load_suite
from fortifai.records.verification import verify_run
from fortifai.report.tables import estimate, p_value
from fortifai.runner.run_folder import RunFolder

ROOT = Path(__file__).parents[2]
ARCHIVES = sorted((ROOT / "leaderboards" / "unfinished").glob("*.tar.gz"))
PAGES = {"text-lm@2": ROOT / "docs" / "text.md"}


@pytest.fixture(params=ARCHIVES, ids=lambda file: file.name)
def run(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    shutil.unpack_archive(request.param, tmp_path)
    return tmp_path / str(request.param.name).removesuffix(".tar.gz")


def test_its_records_are_whole(run: Path) -> None:
    assert not verify_run(run, files=False).of("damaged")


def test_the_table_of_the_page_is_its_score(run: Path) -> None:
    rows = fortifai.score(run).rows
    expected = [
        f"| {row.regime} | `{row.objective}` | {estimate(row.fidelity_interval)} | {estimate(row.extension_ratio)} | "
        f"{p_value(row.p_value)} | {estimate(row.ratio_over_thresholds)} | {row.censored}/{row.chains} |"
        for row in rows
    ]
    page = PAGES[run.name].read_text("utf-8")
    table = page.partition(f"<!-- from leaderboards/unfinished/{run.name}.tar.gz; a test compares -->\n\n")[2].partition("\n\n")[
        0
    ]
    assert table.splitlines()[2:] == expected


def test_the_run_goes_on_from_it(run: Path) -> None:
    """Its chains are those of the suite as it is, so that none of them is run again."""
    plan = make_plan(load_suite(run.name.partition("@")[0]), Selection(strategies=["replace"]))
    done = [status for status in plan.statuses(RunFolder(run)) if status.is_over]
    assert len(done) == len(list(run.glob("*/chain.json")))
