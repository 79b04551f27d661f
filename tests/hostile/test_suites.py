"""Suite files and settings that are damaged, too large or made to do harm: code 2, and what is wrong in one line."""

import os
import re

import pytest
from hostile_support import SUITE

import fortifai
from fortifai.config import LARGEST_PARAMETER
from fortifai.errors import UserError
from fortifai.objectives import registry as objectives
from fortifai.planning.suite_file import LARGEST_FILE
from fortifai.recursion.strategies import registry as strategies

DIGITS = "9" * 5_000

FILES = {
    "lists in lists": (SUITE + "x = " + "[" * 5_000 + "]" * 5_000, "is nested too deeply"),
    "tables in tables": (SUITE + "x = " + "{a=" * 3_000 + "1" + "}" * 3_000, "is nested too deeply"),
    "a key of many parts": (SUITE + ".".join(["a"] * 3_000) + " = 1", "is nested too deeply: more than 32"),
    "5,000 digits": (SUITE.replace("n = 40", f"n = {DIGITS}"), "holds a number of too many digits"),
    "hexadecimal digits": (SUITE.replace("n = 40", f"n = 0x{'f' * 5_000}"), "holds an integer of more than 64 bits"),
    "400 digits": (SUITE.replace("seeds = 2", f"seeds = {DIGITS[:400]}"), "holds an integer of more than 64 bits"),
    "a date there is not": (SUITE + "x = 2024-13-99", "is not TOML"),
    "UTF-16": (SUITE.encode("utf-16"), "it is not UTF-8: byte 0xff at offset 0; save it as UTF-8"),
    "latin-1": (SUITE.replace("for tests", "für").encode("latin-1"), "it is not UTF-8: byte 0xfc at offset"),
    "NUL": (SUITE.replace("for tests", "for \0tests"), "is not TOML: Illegal character '\\x00'"),
    "noise": (bytes(range(256)) * 4, "cannot be read: it is not UTF-8"),
    "nothing": ("", "needs at least one [regimes.<name>] table"),
    "too large": (SUITE + "#" * LARGEST_FILE, "has more than 1 MiB"),
    "seeds": (SUITE.replace("seeds = 2", "seeds = 10001"), "regimes.plain.seeds: input should be less than or equal to 10000"),
    "generations": (SUITE.replace("generations = 2", "generations = 100001"), "less than or equal to 100000, not 100001"),
    "seconds": (SUITE.replace("= 0.1", "= 1e308"), "seconds_per_generation: input should be less than or equal to 1000000000"),
    "a large ratio": (SUITE.replace('"replace"', '"weighted:ratio=1e308"'), "ratio: should be at most 1,000,000,000 in size"),
    "the suite's name": (SUITE.replace('"small"', f'"{"a" * 300}"'), "name: string should have at most 64 characters"),
    "the version": (SUITE.replace("version = 3", "version = 1000000000"), "version: input should be less than 1000000000"),
    "a path for a name": (SUITE.replace("regimes.plain", 'regimes."../../../escaped"'), "the name of a regime has letters"),
    "a long name": (SUITE.replace("regimes.plain", f"regimes.{'a' * 65}"), "at most 64 characters"),
    "an empty name": (SUITE.replace("regimes.plain", 'regimes.""'), "the name of a regime has letters"),
    "a hidden name": (SUITE.replace("regimes.plain", 'regimes.".a"'), "dots too but not first"),
    "lines in a key": (SUITE + '"a\\nfortifai: well\\u001b[2J" = 1', "regimes.plain.a fortifai: well\\x1b[2J: unknown key"),
}
"""Content of a file, and what is said of it."""


@pytest.mark.parametrize(("content", "message"), FILES.values(), ids=FILES)
def test_a_file_is_refused_with_its_name_and_the_reason(call, tmp_path, content, message):
    (file := tmp_path / "hostile.toml").write_bytes(content if isinstance(content, bytes) else content.encode())
    answer = call("describe", file)
    assert (answer.code, answer.out) == (2, "")
    first, *others = answer.err.splitlines()
    assert first.startswith("fortifai: ")
    assert str(file) in first
    assert all(line.startswith("  ") for line in others)
    assert message in answer.err
    assert "Traceback" not in answer.err


def test_a_byte_order_mark_is_read_over(call, tmp_path):
    (file := tmp_path / "bom.toml").write_bytes(SUITE.replace("\n", "\r\n").encode("utf-8-sig"))
    assert call("describe", file).code == 0


def test_a_pipe_is_not_waited_for(call, tmp_path):
    os.mkfifo(pipe := tmp_path / "pipe.toml")
    assert "cannot be read: it is not a regular file" in call("describe", pipe).err


SETTINGS = {
    "lists in lists": ("x=" + "[" * 5_000, "--set x: is nested too deeply"),
    "a key of many parts": (".".join(["a"] * 3_000) + "=1", "has more than 32 parts"),
    "5,000 digits": (f"n={DIGITS}", "--set n: holds a number of too many digits"),
    "19 digits": (f"data.seed={DIGITS[:20]}", "--set data.seed: holds an integer of more than 64 bits"),
    "two settings in one": ("n=20\nseeds=1", "regimes.plain.n: input should be a valid integer"),
    "not UTF-8": ("summary=\udcff", "is not UTF-8"),
    "seeds": ("seeds=10001", "regimes.plain.seeds: input should be less than or equal to 10000"),
    "generations": ("generations=100001", "regimes.plain.generations: input should be less than or equal to 100000"),
    "somebody's home": ("data=~no-such-user-here/x.csv", "there is no user 'no-such-user-here' with a home folder"),
    "NUL in a path": ('data="a\\u0000b.csv"', "no path holds a NUL character"),
    "lines in a key": ("a\nb\x1b[31m=1", "regimes.plain.a b\\x1b[31m: unknown key"),
}
"""A setting, and what is said of it."""


@pytest.mark.parametrize(("setting", "message"), SETTINGS.values(), ids=SETTINGS)
def test_a_setting_is_refused(call, small, setting, message):
    answer = call("plan", small, "--set", setting)
    assert (answer.code, answer.out) == (2, "")
    assert message in answer.err
    assert "Traceback" not in answer.err


OPTIONS = {
    "seeds": (("--seeds", 10_001), "--seeds 10001: must be at most 10,000"),
    "many seeds": (("--seeds", "9" * 30), "must be at most 10,000"),
    "generations": (("--generations", 100_001), "--generations 100001: must be at most 100,000"),
    "a ratio": (("--strategy", "weighted:ratio=1e308"), "ratio: should be at most 1,000,000,000 in size, not 1e+308"),
    "a ratio of few digits": (("--strategy", "weighted:ratio=1e18"), "ratio: should be at most 1,000,000,000 in size"),
    "k": (("--strategy", f"fresh-mix:k={DIGITS}"), "k: unable to parse input string as an integer"),
    "dimensions": (("--objective", f"tce-calibrated:dimensions={DIGITS[:4_000]}"), "dimensions: should be at most 1,000,000,000"),
}
"""Options of plan and run, and what is said of them."""


@pytest.mark.parametrize(("words", "message"), OPTIONS.values(), ids=OPTIONS)
def test_an_option_is_refused(call, small, words, message):
    answer = call("plan", small, *words)
    assert (answer.code, answer.out) == (2, "")
    assert message in answer.err
    assert "Traceback" not in answer.err


ARGUMENTS = {
    "no workers": ({"workers": 0}, "--workers 0: must be at least 1"),
    "workers": ({"workers": 1_025}, "--workers 1025: must be at most 1,024"),
    "half a worker": ({"workers": 1.5}, "--workers 1.5: must be a whole number"),
    "seeds": ({"seeds": 10_001}, "--seeds 10001: must be at most 10,000"),
    "seeds in words": ({"seeds": "3"}, "--seeds '3': must be a whole number"),
    "a truth for a number": ({"seeds": True}, "--seeds True: must be a whole number"),
    "generations": ({"generations": 100_001}, "--generations 100001: must be at most 100,000"),
    "not a number of generations": ({"generations": float("nan")}, "--generations nan: must be a whole number"),
    "what is kept": ({"keep": "everything"}, "--keep everything: should be one of all, last, samples, none"),
}
"""Arguments of `fortifai.run`, and what is said of them."""


@pytest.mark.parametrize(("arguments", "message"), ARGUMENTS.values(), ids=ARGUMENTS)
def test_python_has_the_bounds_of_the_command_line_and_writes_nothing(small, tmp_path, arguments, message):
    with pytest.raises(UserError, match=f"^{re.escape(message)}$"):
        fortifai.run(small, tmp_path / "runs", quiet=True, **arguments)
    assert not (tmp_path / "runs").exists()


def test_the_largest_plan_is_made_in_seconds(call, small):
    words = ("--seeds", 10_000, "--generations", 100_000, "--strategy", "accumulate", "--objective", "ce")
    assert "10000 chains, 0 of them done" in call("plan", small, *words).out


@pytest.mark.parametrize("cls", [registry.get(name) for registry in (objectives, strategies) for name in registry])
def test_every_number_of_an_objective_or_a_strategy_has_an_upper_bound(cls):
    for key, field in cls.model_fields.items():
        if isinstance(field.get_default(), int | float):
            with pytest.raises(ValueError, match=rf"{key}[\s\S]*(less than|at most)"):
                cls(**{key: 10 * LARGEST_PARAMETER})
