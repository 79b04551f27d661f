"""Bad input gets one clear line (what, where, the nearest valid name) and code 2, never a traceback, and nothing is written."""

import json
from collections.abc import Callable

import pytest
from cli_support import SUITE

import fortifai


@pytest.fixture
def refused(call, tmp_path, monkeypatch) -> Callable[..., str]:
    """Run the command line on bad input, in an empty folder, and return its one line."""

    def refused(*words: object) -> str:
        here = tmp_path / "here"
        here.mkdir(exist_ok=True)
        monkeypatch.chdir(here)
        answer = call(*words)
        assert answer.code == 2
        assert answer.out == ""
        assert "Traceback" not in answer.err
        (line,) = answer.err.splitlines()
        assert line.startswith("fortifai: ")
        assert list(here.iterdir()) == []  # nothing is begun
        return line

    return refused


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("describe", "qiuck"), "unknown suite 'qiuck'; did you mean 'quick'? (`fortifai list suites` shows them all)"),
        (("plan", "qiuck"), "unknown suite 'qiuck'; did you mean 'quick'"),
        (("run", "qiuck"), "unknown suite 'qiuck'; did you mean 'quick'"),
        (("list", "metric"), "unknown part of the list 'metric'; did you mean 'metrics'? (`fortifai list` shows them all)"),
        (("describe", "no/such.toml"), "suite file no/such.toml: cannot be read"),
        (("status", "nowhere"), "nowhere: not a run folder"),
        (("score", "nowhere"), "nowhere: no such run folder or CSV file"),
        (("leaderboard", "build", "nowhere"), "nowhere: no run in it, and no entry"),
    ],
)
def test_a_name_that_does_not_exist_gets_the_nearest_that_does(refused, words, message):
    assert message in refused(*words)


@pytest.mark.parametrize("command", ["plan", "run"])
@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--objective", "cee"), "unknown objective 'cee'; did you mean 'ce'"),
        (("--objective", "tce:gamma=0"), "objective 'tce:gamma=0': gamma: input should be greater than 0, not '0'"),
        (("--objective", "focal"), "focal:gamma=2' needs a confidence of at most 1"),
        (("--strategy", "acumulate"), "unknown strategy 'acumulate'; did you mean 'accumulate'"),
        (("--strategy", "fresh-mix:k=1"), "k: input should be greater than or equal to 2"),
        (("--regime", "plian"), "unknown regime 'plian'; did you mean 'plain'? (`fortifai describe small` shows them all)"),
        (("--generations", "0"), "--generations 0: must be at least 1"),
        (("--generations", "-3"), "--generations -3: must be at least 1"),
        (("--seeds", "0"), "--seeds 0: must be at least 1"),
        (("--workers", "0"), "--workers 0: must be at least 1"),
        (("--keep", "x"), "--keep x: should be one of all, last, samples, none"),
        (("--set", "n"), "--set 'n': should be key=value"),
        (("--set", "n=1"), "n = 1 samples are too few for 2 components"),
        (("--set", "n=50000"), "n = 50000 real samples are asked for, and the training pool has"),
        (("--set", "data=absent.csv"), "no data file 'absent.csv'"),
        (("--set", "data=penguin"), "no data file 'penguin', and no bundled table of that name; did you mean 'penguins'?"),
        (("--strategy", "weighted:ratio=99"), "strategy 'weighted:ratio=99,real=0.618' asks for 3960 real samples a generation"),
    ],
)
def test_a_wrong_option_is_refused_before_anything_is_written(refused, small, command, words, message):
    assert message in refused(command, small, *words)


def test_an_unknown_executor_is_refused(refused, small):
    message = "unknown executor 'locla'; did you mean 'local'? (`fortifai list executors` shows them all)"
    assert message in refused("run", small, "--executor", "locla")


def test_every_mistake_of_a_suite_file_stands_under_one_heading(call, small):
    small.write_text(SUITE.replace("n = 40", "n = 0").replace('["tce"]', '["tec"]'))
    answer = call("run", small)
    assert (answer.code, answer.out) == (2, "")
    assert answer.err.splitlines()[0] == f"fortifai: suite {small}: 2 errors:"
    assert [line.split(":")[0] for line in answer.err.splitlines()[1:]] == ["  regimes.plain.n", "  regimes.plain.objectives"]


def test_malformed_toml_is_said_with_its_line(refused, small):
    small.write_text(SUITE.replace("[regimes.plain]", "[regimes.plain"))
    assert f"suite file {small}: is not TOML: " in (line := refused("describe", small))
    assert "line 7" in line


@pytest.mark.parametrize(
    ("value", "message"),
    [("many", "column 'b' is numeric, but row 7 holds 'many'"), ("inf", "column 'b' holds an infinity in row 7"),
     ("", "column 'b' has missing values: 1, the first in row 7")],
)  # fmt: skip
def test_data_that_is_not_a_table_of_numbers_is_refused_with_column_and_row(refused, small, tmp_path, value, message):
    rows = [f"{i % 7},{value if i == 6 else i % 5}" for i in range(120)]
    (table := tmp_path / "table.csv").write_text("\n".join(["a,b", *rows]) + "\n")
    assert f"{table}: {message}" in refused("run", small, "--set", f"data={table}")


def test_a_folder_that_cannot_be_written_is_refused(refused, small):
    below_a_file = small / "runs"
    assert f"{below_a_file / 'small@3'}: cannot be made: Not a directory" in refused("run", small, "--out", below_a_file)


def test_a_folder_that_is_not_a_run_is_refused_with_the_runs_in_it(refused, tmp_path):
    (run := tmp_path / "runs" / "small@3").mkdir(parents=True)
    assert "not a run folder: expected a suite.json in it" in refused("score", run.parent)
    (run / "suite.json").write_text("{}")
    for command in ("score", "verify"):
        assert f"did you mean {run}?" in refused(command, run.parent)


@pytest.mark.parametrize("content", ['{"schema": 99}', '{"fortifai": "0.1"}', "[]"])
def test_a_run_folder_of_another_schema_version_is_refused(refused, small, tmp_path, content):
    (run := tmp_path / "runs" / "small@3").mkdir(parents=True)
    (run / "suite.json").write_text(content)
    version = {'{"schema": 99}': "99"}.get(content, "None")
    # Of a later version it is not touched; without one it is damaged, and `run` sets it aside.
    runs = [("run", small, "--out", run.parent)] if version == "99" else []
    for words in (("score", run), ("status", run), ("leaderboard", "build", run.parent), *runs):
        assert f"suite.json: has schema version {version}, and this fortifai reads version 1, 2 and 3" in refused(*words)


def test_a_run_folder_of_another_suite_of_that_name_is_refused(refused, small, tmp_path):
    (run := tmp_path / "runs" / "small@3").mkdir(parents=True)
    described = {"name": "small", "version": 3, "rule": "phi<0.75", "identity": "small@3", "regimes": {"plain": {"n": 41}}}
    (run / "suite.json").write_text(json.dumps({"schema": 1, "fortifai": fortifai.__version__, "suite": described}))
    line = refused("run", small, "--out", run.parent)
    assert "holds another suite of this name and version, which differs in" in line
    assert "plain.n" in line


@pytest.mark.parametrize("words", [("--nope",), ("list", "--nope"), ("rnu",), ("run",), ("plan", "quick", "--seeds", "many")])
def test_wrong_usage_ends_with_code_2_and_how_to_get_help(call, words):
    answer = call(*words)
    assert (answer.code, answer.out) == (2, "")
    assert "Usage: fortifai" in answer.err
    assert "Traceback" not in answer.err
