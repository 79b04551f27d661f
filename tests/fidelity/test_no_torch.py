"""What a score, a report and a leaderboard need: no torch, and no pandas but for who asks for a data frame."""

import subprocess
import sys

import pytest
from trajectory_support import falling, frame, write_chain, write_run

PACKAGES = ("fidelity", "report", "leaderboard", "records")


def loaded(code: str, *modules: str) -> list[str]:
    """Return which of these modules a process of its own has imported when it has run the code."""
    script = f"import sys\n{code}\nprint(*(name for name in {modules!r} if name in sys.modules))"
    process = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return process.stdout.splitlines()[-1].split()


def written(folder, ending):
    """Write a table into a file of a kind, and return its path."""
    table, path = frame({("ce", seed): falling(2 + seed) for seed in range(3)}), folder / f"t.{ending}"
    match ending:
        case "jsonl":
            table.to_json(path, orient="records", lines=True)
        case "parquet":
            table.to_parquet(path)
        case _:
            table.to_csv(path, index=False, sep="\t" if ending == "tsv" else ",")
    return path


def test_no_module_imports_torch():
    code = (
        "import importlib, pkgutil\n"
        f"for package in map(importlib.import_module, {[f'fortifai.{name}' for name in PACKAGES]}):\n"
        "    names = [module.name for module in pkgutil.walk_packages(package.__path__, package.__name__ + '.')]\n"
        "    assert names\n"
        "    for name in names: importlib.import_module(name)"
    )
    assert loaded(code, "torch", "json") == ["json"]


def test_scoring_reporting_and_publishing_a_run_imports_no_torch(tmp_path):
    run = write_run(tmp_path)
    write_chain(run, "ce", 0, falling(4, 6))
    code = (
        "import fortifai, fortifai.report, fortifai.leaderboard\n"
        f"fortifai.score({str(run)!r})\n"
        f"fortifai.report.report({str(run)!r}, {str(tmp_path / 'report')!r})\n"
        f"fortifai.leaderboard.build({str(run)!r}, {str(tmp_path / 'boards')!r})"
    )
    assert loaded(code, "torch", "matplotlib") == ["matplotlib"]


@pytest.mark.parametrize("module", ["fidelity.rule", "fidelity.scores", "fidelity.remarks", "report", "cli.app"])
def test_what_only_names_things_does_not_wait_for_pandas(module):
    slow = ("matplotlib", "lifelines", "pandas", "scipy", "torch")
    assert loaded(f"import fortifai.{module}", *slow) == []


SLOW = ("matplotlib", "pandas", "polars", "pyarrow", "scipy.stats", "scipy.special")


def test_a_score_waits_for_nothing_but_numpy_and_the_functions_of_scipy(tmp_path):
    run = write_run(tmp_path)
    write_chain(run, "ce", 0, falling(4, 6))
    assert loaded(f"import fortifai; fortifai.score({str(run)!r})", *SLOW) == ["scipy.special"]


@pytest.mark.parametrize("ending", ["csv", "tsv", "jsonl", "csv.gz"])
def test_the_score_of_a_small_file_does_not_wait_for_arrow_either(tmp_path, ending):
    path = written(tmp_path, ending)
    assert loaded(f"import fortifai; fortifai.score({str(path)!r})", *SLOW) == ["scipy.special"]


def test_the_score_of_a_large_file_or_of_parquet_waits_for_arrow_and_not_for_pandas(tmp_path):
    code = "import fortifai; from fortifai.fidelity.trajectories import files; files.AT_ONCE = 0\n"
    for ending in ("csv", "parquet"):
        assert loaded(f"{code}fortifai.score({str(written(tmp_path, ending))!r})", *SLOW) == ["pyarrow", "scipy.special"]
