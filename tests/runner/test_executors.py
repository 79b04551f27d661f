"""Executors plug in by an entry point: where tasks run decides no number, and what is not an executor is refused."""

import json
from pathlib import Path

import pytest
from runner_support import command_line, numbers

import fortifai
from fortifai.errors import UserError
from fortifai.runner.executor import choose, executors
from fortifai.runner.local import LocalExecutor


def test_an_executor_that_is_plugged_in_runs_a_suite_to_the_same_numbers(
    tmp_path: Path, suite: Path, undisturbed: Path, environment: dict[str, str]
) -> None:
    words = ("run", suite, "--out", tmp_path, "--executor", "backwards", "--say-hello", 2)
    ended = command_line(*words, environment=environment)
    assert ended.returncode == 0, ended.stderr
    assert "hello hello" in ended.stderr  # by an option of its own
    assert numbers(tmp_path / "tiny@1") == numbers(undisturbed)
    assert not (tmp_path / "tiny@1" / "workers.log").exists()  # no worker was started


def test_an_unknown_executor_is_answered_with_those_there_are(tmp_path: Path, suite: Path, environment: dict[str, str]) -> None:
    ended = command_line("run", suite, "--out", tmp_path / "runs", "--executor", "mainframe", environment=environment)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.startswith(
        "fortifai: unknown executor 'mainframe'; known: backwards, in-process, local, none-at-all, ray, slurm."
    )
    assert not (tmp_path / "runs").exists()
    near = command_line("run", suite, "--out", tmp_path / "runs", "--executor", "in-proces", environment=environment)
    assert near.stderr == (
        "fortifai: unknown executor 'in-proces'; did you mean 'in-process'? (`fortifai list executors` shows them all)\n"
    )


def test_the_list_shows_executors_that_are_plugged_in_and_why_one_cannot_be_used(environment: dict[str, str]) -> None:
    ended = command_line("list", "executors", "--json", environment=environment)
    entries = {entry["name"]: entry for entry in json.loads(ended.stdout)["executors"]}
    assert {name: entry["available"] for name, entry in entries.items()} == {
        "backwards": True,
        "in-process": True,
        "local": True,
        "none-at-all": False,
        "ray": True,
        "slurm": True,
    }
    assert [parameter["name"] for parameter in entries["backwards"]["parameters"]] == ["say_hello"]
    assert entries["local"]["summary"].startswith("Runs tasks in processes")
    assert "is not a subclass of Executor" in entries["none-at-all"]["reason"]


@pytest.mark.usefixtures("plugged")
def test_what_is_not_an_executor_is_refused_before_anything_is_written(tmp_path: Path, suite: Path) -> None:
    with pytest.raises(
        UserError, match="executor 'none-at-all' is unavailable: other_executors:Worker is not a subclass of Exec"
    ):
        fortifai.run(suite, tmp_path / "runs", executor="none-at-all", quiet=True)
    assert not (tmp_path / "runs").exists()


def test_the_local_executor_is_the_one_that_comes_with_the_package() -> None:
    assert executors.get("local") is LocalExecutor


@pytest.mark.usefixtures("plugged")
@pytest.mark.parametrize(
    ("text", "more", "message"),
    [
        (
            "backwards:say_hello=4",
            {},
            "executor 'backwards:say_hello=4': say_hello: input should be less than or equal to 3, not",
        ),
        ("backwards", {"say_hello": "x"}, "say_hello: input should be a valid integer"),
        ("backwards:hello=1", {}, r"executor 'backwards:hello=1': hello: unknown key \(known: say_hello\)"),
        ("backwards:say_hello=1", {"say_hello": "2"}, "'say_hello=1' should be key=value, each key once"),
        ("local:say_hello=1", {}, "executor 'local:say_hello=1': say_hello: unknown key"),
    ],
)
def test_a_wrong_option_of_an_executor_is_answered_with_what_was_expected(text: str, more: dict[str, str], message: str) -> None:
    with pytest.raises(UserError, match=message):
        choose(text, more)


@pytest.mark.usefixtures("plugged")
def test_options_are_given_in_the_name_or_apart() -> None:
    assert choose("backwards:say_hello=2").options == choose("backwards", {"say_hello": 2}).options
    assert choose("backwards").options.model_dump() == {"say_hello": 0}
