"""What a score, a report and a leaderboard need: no torch, and no pandas before there is a table."""

import subprocess
import sys

import pytest
from trajectory_support import falling, write_chain, write_run

PACKAGES = ("fidelity", "report", "leaderboard", "records")


def loaded(code: str, *modules: str) -> list[str]:
    """Return which of these modules a process of its own has imported when it has run the code."""
    script = f"import sys\n{code}\nprint(*(name for name in {modules!r} if name in sys.modules))"
    process = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return process.stdout.splitlines()[-1].split()


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
    assert loaded(code, "torch", "pandas") == ["pandas"]


@pytest.mark.parametrize("module", ["fidelity.rule", "fidelity.scores", "fidelity.remarks", "report", "cli.app"])
def test_what_only_names_things_does_not_wait_for_pandas(module):
    slow = ("matplotlib", "lifelines", "pandas", "scipy", "torch")
    assert loaded(f"import fortifai.{module}", *slow) == []


def test_a_score_imports_no_more_of_scipy_than_its_functions(tmp_path):
    run = write_run(tmp_path)
    write_chain(run, "ce", 0, falling(4, 6))
    modules = loaded(f"import fortifai; fortifai.score({str(run)!r})", "scipy.stats", "matplotlib", "scipy.special")
    assert modules == ["scipy.special"]
