"""Checking a folder takes as long for each entry however many there are: counted, not timed."""

from collections import Counter
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

import pytest
from entry_support import TCE, Change, tampered

from fortifai.entries import check, checking
from fortifai.entries.standing import Fingerprint, Known, Moments


@pytest.fixture
def counts(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often an entry was read, hashed, verified and scored; what is wrong with one by itself is left to other tests."""
    counted: Counter[str] = Counter()

    def counting(name: str) -> None:
        does = getattr(checking, name)

        def noted(*words: Any) -> Any:
            counted[name] += 1
            return does(*words)

        monkeypatch.setattr(checking, name, noted)

    monkeypatch.setattr(checking, "entry_faults", lambda entry, suite: iter(()))
    for name in ("read_entry", "fingerprint", "verify_entry", "entry_faults"):
        counting(name)
    return counted


def numbered(place: int) -> Change:
    """Make an entry another one, by a method, of other chains with other values."""

    def change(content: dict[str, Any]) -> None:
        content["submission"]["method"] = f"m{place:03}"
        content["numbers"]["chains"] = [
            chain
            for chain in content["numbers"]["chains"]
            if chain["seed"] == 0 and chain["objective"] in ("ce", TCE) and chain["strategy"] == "replace"
        ]
        for chain in content["numbers"]["chains"]:
            chain["head"] = f"{place:064x}"
            chain["generations"]["metrics"]["nll"][1] += place

    return change


@pytest.mark.parametrize("many", [50, 200])
def test_every_entry_of_a_folder_is_read_twice_and_checked_once(
    many: int, entry: Path, tmp_path: Path, counts: Counter[str]
) -> None:
    folder = tmp_path / "entries"
    for place in range(many):
        tampered(entry, folder, numbered(place), f"tiny@1--m{place:03}.json.gz")
    results = check([folder])
    assert [result.faults for result in results] == [[]] * many
    assert counts == {"read_entry": 2 * many, "fingerprint": 2 * many, "verify_entry": many, "entry_faults": many}


def test_twins_are_told_of_one_another_and_of_nobody_else(entry: Path, tmp_path: Path, counts: Counter[str]) -> None:
    folder = tmp_path / "entries"
    for place in range(6):
        tampered(entry, folder, numbered(place), f"tiny@1--m{place:03}.json.gz")
    tampered(entry, folder, numbered(2), "tiny@1--n.json.gz")
    told = {result.file.name: result.faults for result in check([folder])}
    assert told["tiny@1--m002.json.gz"] == ["tiny@1--n.json.gz holds the same run already"]
    assert told["tiny@1--n.json.gz"][-1] == "tiny@1--m002.json.gz holds the same run already"
    assert all(faults == [] for name, faults in told.items() if name not in ("tiny@1--m002.json.gz", "tiny@1--n.json.gz"))


def test_files_of_several_folders_are_held_against_one_another(entry: Path, tmp_path: Path, counts: Counter[str]) -> None:
    one = tampered(entry, tmp_path / "a", numbered(1), "tiny@1--m001.json.gz")
    two = tampered(entry, tmp_path / "b", numbered(1), "tiny@1--m001.json.gz")
    first, second = check([one, two])
    assert (first.faults, second.faults) == ([], ["tiny@1--m001.json.gz holds the same run already"])


def test_moments_are_exact() -> None:
    values = [0.1, 1e-9, 3.7, 1e9, 0.3]
    moments = Moments.of(values).minus(Moments.of(values[3:4]))
    assert moments == Moments.of([*values[:3], values[4]])
    assert moments.mean == pytest.approx(fmean([*values[:3], values[4]]))
    assert moments.deviation == pytest.approx(stdev([*values[:3], values[4]]))
    assert Moments.of([1e200, -1e200]).deviation == float("inf")


def test_an_entry_of_those_that_are_known_can_be_left_out() -> None:
    known, key = Known(), ("tiny@1", "biased", "replace", "nll")
    ones = [Fingerprint(Path(name), name, name, {key: [value]}) for name, value in (("a", 1.0), ("b", 2.0), ("c", 4.0))]
    for one in ones:
        known.add(one)
    assert known.starts(key, ones[1]) == Moments.of([1.0, 4.0])
    assert not list(known.duplicate_faults(ones[0], lambda file: file == Path("a")))
