"""The folder of a run: whose it is, who is at it, and what is in it before and after its chains have run."""

import json
import os
import shutil
from pathlib import Path

import pytest
from runner_support import as_version_1, numbers, write_suite

import fortifai
from fortifai.errors import UserError
from fortifai.planning.identity import PROTOCOL_VERSION
from fortifai.planning.suite_file import load_suite
from fortifai.records.layout import GENERATION_0
from fortifai.records.reading import read_chains
from fortifai.records.status import read_status
from fortifai.runner import lock
from fortifai.runner.run_folder import RunFolder


def test_the_second_process_is_told_who_holds_the_folder(suite: Path, undisturbed: Path) -> None:
    before = numbers(undisturbed)
    with lock.hold(undisturbed):
        assert lock.holder(undisturbed)
        with pytest.raises(UserError, match=f"in use by process {os.getpid()} on .*, since 20"):
            fortifai.run(suite, undisturbed.parent, generations=9, quiet=True, executor="in-process")
    assert lock.holder(undisturbed) is None
    assert numbers(undisturbed) == before


def test_chains_are_seen_before_they_are_run(tmp_path: Path, suite: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fortifai.runner.run._run_chains", lambda *_: ([], []))
    run = fortifai.run(suite, tmp_path, quiet=True, executor="in-process").path
    assert [chain["state"] for chain in read_status(run)] == ["pending"] * 12
    assert {row.incomplete for row in fortifai.score(run).rows} == {2}


@pytest.mark.parametrize(
    ("old", "new", "differs"),
    [
        ("n = 40", "n = 41", r"small\.n"),
        ('fidelity_metric = "sliced_wasserstein"', 'fidelity_metric = "ks_max"', r"small\.fidelity_metric"),
    ],
)
def test_another_suite_of_the_same_name_is_refused(tmp_path: Path, old: str, new: str, differs: str) -> None:
    path = write_suite(tmp_path)
    text = path.read_text().replace('["sliced_wasserstein"', '["ks_max", "sliced_wasserstein"')
    path.write_text(text)
    held = load_suite(path)
    folder = RunFolder.of(tmp_path, held)
    folder.create()
    folder.claim(held)
    folder.check_owner(held)
    path.write_text(text.replace(old, new))
    with pytest.raises(UserError, match=rf"holds another suite .* differs in {differs}; raise the suite's version"):
        folder.check_owner(load_suite(path))


def test_a_run_of_another_protocol_is_scored_but_not_continued(tmp_path: Path, suite: Path, undisturbed: Path) -> None:
    run = shutil.copytree(undisturbed, tmp_path / "tiny@1")
    as_version_1(run)
    before = numbers(run)
    refusal = (
        f"chains of protocol 1, and this fortifai runs protocol {PROTOCOL_VERSION}: they can be scored and reported, but not"
    )
    with pytest.raises(UserError, match=refusal):
        fortifai.run(suite, tmp_path, generations=5, quiet=True, executor="in-process")
    assert numbers(run) == before
    scored = [row.model_dump(exclude={"reason"}) for row in fortifai.score(run).rows]
    assert scored == [row.model_dump(exclude={"reason"}) for row in fortifai.score(undisturbed).rows]
    assert all("unverified: the run is of a version that carries no hashes" in row.reason for row in fortifai.score(run).rows)


def test_a_null_is_measured_once_and_recorded(undisturbed: Path) -> None:
    null = json.loads((undisturbed / "nulls" / "small.json").read_text())
    assert len(null["values"]) == 64
    middle = sorted(null["values"])[31:33]
    assert null["value"] == pytest.approx(sum(middle) / 2)
    assert {chain.null for chain in read_chains(undisturbed)} == {null["value"]}


def test_a_model_is_as_large_as_the_largest_that_is_kept(tmp_path: Path, undisturbed: Path) -> None:
    kept = [folder for folder in undisturbed.glob("*/generation-*/model") if folder.parent.parent.name != GENERATION_0]
    sizes = [sum(file.stat().st_size for file in folder.iterdir()) for folder in kept]
    regime = read_chains(undisturbed)[0].regime
    assert RunFolder(undisturbed).model_bytes(regime) == max(sizes) > 0
    assert RunFolder(undisturbed).model_bytes("another") is None
    assert RunFolder(tmp_path).model_bytes(regime) is None
