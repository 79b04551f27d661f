"""`fortifai run --name`: a folder of another name, of the same run."""

import pytest

WORDS = ("--seeds", 1, "--generations", 1, "--strategy", "replace", "--executor", "in-process")


def test_a_named_run_is_the_same_run_in_another_folder(call, small, tmp_path):
    named, usual = tmp_path / "mine", tmp_path / "small@3"
    assert call("run", small, "--out", tmp_path, *WORDS).code == 0
    ran = call("run", small, "--out", tmp_path, "--name", "mine", *WORDS)
    assert (ran.code, ran.out) == (0, f"{named}: 2 chains done; next: fortifai score {named}\n")
    assert call("status", named, "--json").json == call("status", usual, "--json").json
    assert call("status", tmp_path).out.startswith(f"{named}: 2 of 2 chains done")
    assert call("score", named, "--json").json == call("score", usual, "--json").json
    assert call("verify", named).code == 0
    submitted = tmp_path / "small@3--me.json.gz"
    assert call("leaderboard", "submit", named, "--method", "me", "--contact", "a@b.org", "--out", submitted).code == 0
    planned = call("plan", small, "--out", tmp_path, "--name", "mine", *WORDS[:-2], "--json").json
    assert {chain["state"] for chain in planned["chains"]} == {"done"}
    again = call("run", small, "--out", tmp_path, "--name", "mine", *WORDS[:2], "--generations", 2, *WORDS[4:])
    assert (again.code, again.out) == (0, f"{named}: 2 chains done; next: fortifai score {named}\n")


@pytest.mark.parametrize("other", [("--set", "regimes.plain.n=50"), ("--explore",)])
def test_another_suite_is_refused_and_nothing_is_touched(call, small, tmp_path, other):
    words = ("run", small, "--out", tmp_path, "--name", "mine", *WORDS)
    assert call(*words).code == 0
    before = {path: path.read_bytes() for path in sorted((tmp_path / "mine").rglob("*")) if path.is_file()}
    refused = call(*words, *other)
    assert refused.code == 2
    assert refused.err.startswith(f"fortifai: {tmp_path / 'mine'} holds small@3, and this is small@3+")
    assert refused.err.endswith("choose another --name or --out\n")
    assert {path: path.read_bytes() for path in sorted((tmp_path / "mine").rglob("*")) if path.is_file()} == before
    (tmp_path / "mine" / "suite.json").write_text("damaged")
    assert "holds small@3, and this is small@3+" in call(*words, *other).err  # as its chains say
    (tmp_path / "mine" / "suite.json").unlink()
    assert "holds small@3, and this is small@3+" in call(*words, *other).err
    assert call(*words).code == 0


@pytest.mark.parametrize("name", ["", ".hidden", "a/b", "../up", "small@3", "x" * 65])
def test_a_name_that_no_folder_can_have_is_refused(call, small, tmp_path, name):
    for command in ("run", "plan"):
        answer = call(command, small, "--out", tmp_path, "--name", name)
        assert (answer.code, answer.out) == (2, "")
        assert answer.err.startswith(f"fortifai: --name {name!r}: should be letters, digits")
    assert not list(tmp_path.glob("*/suite.json"))
