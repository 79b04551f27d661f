"""How a command ends that is interrupted, runs out of memory or is given names of any length: one line, and no traceback."""

import os
import signal
import subprocess
import sys
from importlib import import_module

import numpy as np
import pytest
import torch
from hostile_support import Answer, is_visible

from fortifai.cli import LONGEST_LINE

INTERRUPTED = """
import os, signal, sys

class Interrupt:
    at = sys.argv.pop(1)

    def find_spec(self, name, path=None, target=None):
        if name == self.at:
            self.at = None
            os.kill(os.getpid(), signal.SIGINT)

import fortifai.cli
sys.meta_path.insert(0, Interrupt())
fortifai.cli.main()
"""
"""Runs the command line, and is interrupted where a module is first imported."""


def command(script: str, *words: object) -> Answer:
    ran = subprocess.run([sys.executable, "-P", "-c", script, *map(str, words)], capture_output=True, text=True, timeout=120)
    return Answer(ran.returncode, ran.stdout, ran.stderr)


@pytest.mark.parametrize(
    ("module", "words"),
    [
        ("fortifai.cli.app", ("list",)),
        ("fortifai.modalities.tabular", ("list",)),
        ("numpy", ("plan", "quick")),
        ("torch", ("plan", "quick")),
        ("scipy.special", ("score", "nothing.csv")),
    ],
)
def test_an_interrupt_while_a_command_is_imported_is_one_line(module, words):
    assert command(INTERRUPTED, module, *words) == Answer(130, "", "fortifai: stopped\n")


@pytest.mark.parametrize("error", [ImportError("torn"), SystemError("initialization failed"), AttributeError("half imported")])
def test_an_interrupt_that_a_library_turned_into_its_own_error_is_still_one(call, monkeypatch, error):
    def import_badly(*_: object) -> None:
        try:
            os.kill(os.getpid(), signal.SIGINT)
        except KeyboardInterrupt:
            raise error from None

    import_module("fortifai.cli.app")  # before: a module that is imported meanwhile would bind the name for good
    monkeypatch.setattr("fortifai.planning.suite_file.suite_names", import_badly)
    assert call("plan", "quick") == Answer(130, "", "fortifai: stopped\n")


def test_after_a_command_an_interrupt_is_python_s_again(call):
    before = signal.getsignal(signal.SIGINT)
    call("list", "suites")
    assert signal.getsignal(signal.SIGINT) is before


@pytest.mark.parametrize("allocate", [np.zeros, torch.zeros, lambda size: [0] * size], ids=["numpy", "torch", "python"])
def test_memory_that_the_machine_does_not_have_is_one_line(call, monkeypatch, small, allocate):
    monkeypatch.setattr("fortifai.planning.plan.make_plan", lambda *_, **__: allocate(10**15))
    answer = call("plan", small)
    assert answer == Answer(1, "", "fortifai: out of memory; take fewer samples, chains or workers, or a machine that has more\n")


LONG = "x" * 300


@pytest.mark.parametrize(
    "words",
    [
        ("describe", f"{LONG}.toml"),
        ("describe", LONG),
        ("plan", LONG),
        ("plan", "quick", "--set", f"data={LONG}.csv"),
        ("plan", "quick", "--out", LONG),
        ("plan", "quick", "--objective", LONG * 100),
        ("plan", "quick", "--regime", LONG * 100),
        ("run", "quick", "--out", LONG),
        ("run", "quick", "--set", f"regimes.{LONG}.n=1"),
        ("status", LONG),
        ("score", LONG),
        ("score", LONG + "/" + LONG),
        ("compare", LONG, LONG),
        ("report", LONG),
        ("verify", LONG),
        ("leaderboard", "build", LONG),
        ("list", LONG),
    ],
    ids=lambda words: " ".join(word[:12] for word in words),
)
def test_a_name_of_any_length_is_refused_in_one_short_line(call, words):
    answer = call(*words)
    assert (answer.code, answer.out) == (2, "")
    assert "Traceback" not in answer.err
    assert answer.err.startswith("fortifai: ")
    assert all(len(line) < LONGEST_LINE + 100 for line in answer.err.splitlines())


@pytest.mark.parametrize(
    "words", [("--seeds", "9" * 5_000), ("--workers", "9" * 5_000), ("--workers", 1_025), ("--workers", "9" * 30)]
)
def test_options_have_bounds(call, small, words):
    answer = call("plan", small, *words)
    assert (answer.code, answer.out) == (2, "")
    assert "Traceback" not in answer.err


RAW = "\x1b[31mred\x1b]0;title\x07\u202egnp.exe\x9b2J"
SHOWN = r"\x1b[31mred\x1b]0;title\x07\u202egnp.exe\x9b2J"


@pytest.mark.parametrize(
    "words",
    [
        (RAW,),
        ("plan", f"--{RAW}"),
        ("plan", "quick", RAW),
        ("leaderboard", RAW),
        ("plan", f"--seeds{RAW}=1"),
    ],
    ids=["a command", "an option", "an argument too many", "a command of a group", "an option with a value"],
)
def test_wrong_usage_is_told_in_words_that_a_terminal_does_not_obey(call, words):
    answer = call(*words)
    assert (answer.code, answer.out) == (2, "")
    message, usage = answer.err.splitlines()
    assert message.startswith("fortifai: ")
    assert SHOWN in message
    assert usage.startswith("  Usage: fortifai ")
    assert all(is_visible(character) for character in message + usage)


def test_without_a_word_the_help_is_printed(call):
    answer = call()
    assert (answer.code, answer.err) == (2, "")
    assert "Usage: fortifai" in answer.out


def test_a_line_break_in_what_is_refused_does_not_look_like_another_message(call):
    answer = call("score", "no.csv\nfortifai: all is well\x1b[1A")
    assert answer.code == 2
    assert answer.err == "fortifai: no.csv\n  fortifai: all is well\\x1b[1A: no such run folder or CSV file\n"


def test_a_terminal_that_lacks_letters_is_told_everything_all_the_same(tmp_path):
    (table := tmp_path / "t.csv").write_text("objective,generation,metric,value\nce,0,φ,0\nce,1,φ,2\nce,2,φ,3\n")
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    words = [
        sys.executable,
        "-P",
        "-c",
        "from fortifai.cli import main; main()",
        "score",
        str(table),
        "--better",
        "lower",
        "--null",
        "9",
    ]
    ran = subprocess.run(words, capture_output=True, text=True, timeout=120, env=environment)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert "\\u03c6" in ran.stdout
