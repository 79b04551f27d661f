"""A loss from a file of the user's own: part of what identifies its chains, copied into the run, run from there by workers."""

import json
import os
from pathlib import Path

import pytest
from runner_support import command_line, numbers, write_suite

import fortifai
from fortifai import code_files
from fortifai.errors import UserError
from fortifai.permission import VARIABLE
from fortifai.records.schema import ChainRecord
from fortifai.records.verification import verify_run

SOFTER = '''
from fortifai.config import Identity
from fortifai.objectives import Selective

class Softer(Selective):
    """Softer."""

    power: Identity[float] = 1.0

    def weights(self, confidence, mass=None):
        return (1 - confidence.detach().clamp(0, 1)) ** self.power
'''
NAME = "mine.py:Softer:power=2,unit=component"


@pytest.fixture(autouse=True)
def _none_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(code_files, "_files", {})


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    (tmp_path / "mine.py").write_text(SOFTER)
    return tmp_path / "mine.py"


def run(suite: Path, out: Path, objective: str, executor: str = "in-process", **options: object) -> Path:
    choice = {"seeds": 1, "strategies": ["replace"], "quiet": True, "executor": executor, "generations": 2}
    return fortifai.run(suite, out, objectives=[objective], **(choice | options)).path  # type: ignore[arg-type]


def test_workers_run_the_copy_to_the_numbers_of_the_file_itself(suite: Path, mine: Path, tmp_path: Path) -> None:
    here = run(suite, tmp_path / "here", f"{mine}:Softer:power=2")
    workers = run(suite, tmp_path / "workers", f"{mine}:Softer:power=2", executor="local", workers=1)
    assert numbers(here) == numbers(workers)
    chains = [json.loads(path.read_text()) for path in workers.glob("*/chain.json")]
    code = {chain["objective"]: chain["identity"].get("code") for chain in chains}
    assert code == {"ce": None, NAME: {"mine.py": code_files.used_by([NAME])["mine.py"].sha256}}
    assert (workers / "code" / "mine.py").read_bytes() == mine.read_bytes()
    assert len({*_records(workers, NAME), *_records(workers, "ce")}) == 2  # the loss is not cross entropy


def test_a_file_that_changed_since_is_refused_with_both_hashes(
    suite: Path, mine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = run(suite, tmp_path, f"{mine}:Softer:power=2")
    before = numbers(path)
    first = code_files.used_by([NAME])["mine.py"].sha256[:16]
    mine.write_text(SOFTER.replace("** self.power", "** (self.power + 1)"))
    monkeypatch.setattr(code_files, "_files", {})  # as in another process
    with pytest.raises(
        UserError, match=rf"mine\.py has changed since the run .*was {first} and is [0-9a-f]{{16}}; choose another"
    ):
        run(suite, tmp_path, f"{mine}:Softer:power=2", generations=3)
    assert numbers(path) == before
    mine.write_text(SOFTER)
    monkeypatch.setattr(code_files, "_files", {})
    run(suite, tmp_path, f"{mine}:Softer:power=2", generations=3)
    assert numbers(path) != before


def test_a_copy_that_was_changed_or_is_gone_is_named_and_made_anew(suite: Path, mine: Path, tmp_path: Path) -> None:
    path = run(suite, tmp_path, f"{mine}:Softer:power=2")
    assert verify_run(path).is_whole
    (path / "code" / "mine.py").write_text("x = 1")
    assert [str(one) for one in verify_run(path).findings] == ["code/mine.py: is not the file that chains were run with"]
    (path / "code" / "mine.py").unlink()
    assert [one.kind for one in verify_run(path).findings] == ["missing"]
    run(suite, tmp_path, f"{mine}:Softer:power=2")
    assert verify_run(path).is_whole


def test_a_record_that_names_no_files_is_damage_and_no_traceback(suite: Path, tmp_path: Path) -> None:
    path = fortifai.run(suite, tmp_path, seeds=1, strategies=["replace"], generations=1, executor="in-process", quiet=True).path
    chain = next(iter(sorted(path.glob("*/chain.json"))))
    record = ChainRecord.load(chain)
    record.model_copy(update={"identity": {**record.identity, "code": {"../../x": ["y"]}}}).write(chain)
    findings = [str(one) for one in verify_run(path).findings]
    assert f"{chain.parent.name}/chain.json: its identity names code by something else than files and their hashes" in findings
    with pytest.raises(UserError):
        fortifai.score(path)


def test_a_suite_file_may_name_code_only_where_the_user_allows_it(
    mine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    suite = write_suite(tmp_path, objectives=("ce", "./mine.py:Softer:power=2"))
    monkeypatch.delenv(VARIABLE, raising=False)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    with pytest.raises(UserError, match=r"objectives has code run, of \./mine\.py:Softer:power=2.*add --allow-code"):
        fortifai.run(suite, "runs")
    assert not list((tmp_path / "elsewhere").iterdir())
    monkeypatch.setenv(VARIABLE, "1")
    path = fortifai.run(suite, "runs", seeds=1, strategies=["replace"], generations=1, executor="in-process", quiet=True).path
    assert {json.loads(file.read_text())["objective"] for file in path.glob("*/chain.json")} == {"ce", NAME}


def test_what_packages_bring_is_listed_with_its_package_and_recorded_with_its_version(tmp_path: Path) -> None:
    """Objectives, strategies, metrics and suites of another package, and one that cannot be imported."""
    site = tmp_path / "site"
    (site / "guests").mkdir(parents=True)
    (site / "guests" / "__init__.py").write_text("")
    (site / "guests" / "losses.py").write_text(SOFTER)
    (site / "guests" / "strategies.py").write_text(
        "from fortifai.recursion.strategies import Replace\nclass Again(Replace):\n    'Replace by another name.'\n"
    )
    (site / "guests" / "metrics.py").write_text(
        "from fortifai.metrics import Metric\n"
        "SPREAD = Metric(compute='guests.metrics:spread', summary='spread', better='higher', unit='sd',\n"
        "    valid=(0.0, float('inf')), reads=('synthetic',), modalities=('tabular',))\n"
        "def spread(inputs):\n    return float(inputs.synthetic['x'].std())\n"
    )
    text = write_suite(tmp_path, objectives=("ce", "softer:power=2"), strategies=("again", "control")).read_text()
    text = text.replace('"confidence_gap"]', '"confidence_gap", "spread"]').replace('name = "tiny"', 'name = "guest-suite"')
    (site / "guests" / "guest-suite.toml").write_text(text)
    info = site / "guests-1.2.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: guests\nVersion: 1.2\n")
    (info / "entry_points.txt").write_text(
        "[fortifai.objectives]\nsofter = guests.losses:Softer\nbroken = guests.nowhere:Loss\ntce = guests.losses:Softer\n"
        "[fortifai.strategies]\nagain = guests.strategies:Again\n"
        "[fortifai.metrics]\nspread = guests.metrics:SPREAD\n"
        "[fortifai.suites]\nguest-suite = guests\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(site)}
    listed = json.loads(command_line("list", "--json", environment=environment).stdout)
    brought = {
        entry["name"]: (part, entry["available"])
        for part, entries in listed.items()
        if part != "schema"
        for entry in entries
        if entry["package"] == "guests 1.2"
    }
    assert brought == {
        "softer": ("objectives", True),
        "broken": ("objectives", False),
        "tce": ("objectives", False),
        "again": ("strategies", True),
        "spread": ("metrics", True),
        "guest-suite": ("suites", True),
    }
    reasons = {entry["name"]: entry["reason"] for entry in listed["objectives"]}
    assert "No module named 'guests.nowhere'" in reasons["broken"]
    assert "fortifai itself and guests 1.2 (guests.losses:Softer) both bring one of this name" in reasons["tce"]
    words = ("--seeds", 1, "--strategy", "again", "--generations", 1, "--executor", "in-process")
    ended = command_line("run", "guest-suite", "--out", tmp_path, *words, environment=environment)
    assert ended.returncode == 0, ended.stderr
    chains = [json.loads(path.read_text()) for path in (tmp_path / "guest-suite@1").glob("*/chain.json")]
    assert {(chain["objective"], chain["strategy"]) for chain in chains} == {
        ("ce", "again"),
        ("softer:power=2,unit=component", "again"),
    }
    assert {chain["versions"].get("guests") for chain in chains} == {"1.2"}
    (record, *_) = _records(tmp_path / "guest-suite@1", "ce")
    assert json.loads(record.splitlines()[0])["metrics"]["spread"] > 0


def _records(run: Path, objective: str) -> list[str]:
    folders = [path.parent for path in run.glob("*/chain.json") if json.loads(path.read_text())["objective"] == objective]
    return [(folder / "generations.jsonl").read_text() for folder in folders]
