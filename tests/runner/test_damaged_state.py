"""Damage to a run folder is never a collapse: it is set aside and told, and what hung on it is computed again, bit for bit."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from runner_support import QUANTILE, as_version_1, numbers, write_suite
from safetensors.numpy import load_file, save_file

import fortifai
from fortifai.cli import main
from fortifai.errors import RunFailed, UserError
from fortifai.records.verification import verify_run


@pytest.fixture(scope="module")
def longer(tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    """The numbers of a run of six generations that nothing happened to."""
    folder = tmp_path_factory.mktemp("longer")
    return numbers(fortifai.run(write_suite(folder), folder, generations=6, quiet=True, executor="in-process").path)


@pytest.fixture
def run(undisturbed: Path, tmp_path: Path) -> Path:
    """A copy of a finished run, to be damaged."""
    copy = tmp_path / undisturbed.name
    shutil.copytree(undisturbed, copy)
    return copy


def chain(run: Path, strategy: str = "replace", objective: str = "ce", seed: int = 0) -> Path:
    for file in run.glob("*/chain.json"):
        content = json.loads(file.read_text())
        if (content["strategy"], content["objective"], content["seed"]) == (strategy, objective, seed):
            return file.parent
    raise AssertionError(f"no chain {strategy} {objective} {seed}")


def again(run: Path, **options: object) -> Path:
    return fortifai.run(write_suite(run.parent), run.parent, quiet=True, executor="in-process", **options).path


def nan_in_the_model(folder: Path) -> None:
    file = folder / "generation-04" / "model" / "mixture.safetensors"
    tensors = load_file(file)
    tensors["means"][0, 0] = np.nan
    save_file(tensors, file)


def flipped(name: str, place: float) -> Callable[[Path], None]:
    """Flip one bit of a kept file, at a place from its beginning (0) to its end (1)."""

    def flip(folder: Path) -> None:
        file = folder / "generation-04" / name
        content = bytearray(file.read_bytes())
        content[int(place * (len(content) - 1))] ^= 0b100
        file.write_bytes(content)

    return flip


def a_pipe(folder: Path) -> None:
    file = folder / "generation-04" / "samples.safetensors"
    file.unlink()
    os.mkfifo(file)


def a_link(folder: Path) -> None:
    file = folder / "generation-04" / "samples.safetensors"
    file.rename(folder / "elsewhere")
    file.symlink_to(folder / "elsewhere")


def an_edited_digit(folder: Path) -> None:
    file = folder / "generations.jsonl"
    lines = file.read_text().splitlines(keepends=True)
    before = json.loads(lines[2])["metrics"]["sliced_wasserstein"]
    lines[2] = lines[2].replace(str(before), str(before)[:-1] + str((int(str(before)[-1]) + 1) % 10))
    file.write_text("".join(lines))


def a_line_gone(folder: Path) -> None:
    file = folder / "generations.jsonl"
    lines = file.read_text().splitlines(keepends=True)
    file.write_text("".join(lines[:1] + lines[2:]))


def a_torn_middle(folder: Path) -> None:
    file = folder / "generations.jsonl"
    lines = file.read_text().splitlines(keepends=True)
    file.write_text(lines[0] + lines[1][:40] + "\n" + "".join(lines[2:]))


DAMAGE: dict[str, Callable[[Path], None]] = {
    "NaN in the model": nan_in_the_model,
    "a bit of the model": flipped("model/mixture.safetensors", 0.8),
    "a bit of the samples": flipped("samples.safetensors", 0.9),
    "a bit of a header": flipped("samples.safetensors", 0.01),
    "a pipe for the samples": a_pipe,
    "a link for the samples": a_link,
    "an edited digit": an_edited_digit,
    "a line gone": a_line_gone,
    "a torn middle": a_torn_middle,
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_damage_is_named(run, damage):
    folder = chain(run)
    DAMAGE[damage](folder)
    assert {finding.where.split("/")[0] for finding in verify_run(run).of("damaged")} == {folder.name}


def test_damage_is_set_aside_and_computed_again_to_the_same_bits(run, longer, capsys):
    folders = [chain(run, strategy, objective, seed) for strategy in ("replace", "accumulate", "control")
               for objective in ("ce", QUANTILE) for seed in (0, 1)]  # fmt: skip
    damaged = dict(zip(DAMAGE, folders[2:], strict=False))  # a different one in every chain, two chains left whole
    assert len(damaged) == len(DAMAGE)
    for damage, folder in damaged.items():
        DAMAGE[damage](folder)
    path = fortifai.run(write_suite(run.parent), run.parent, generations=6, executor="in-process").path
    assert capsys.readouterr().err.count("set aside as") == len(DAMAGE)
    assert numbers(path) == longer
    assert verify_run(path).is_whole
    for folder in damaged.values():
        assert list(folder.glob("*.damaged-1")), "nothing is lost"


def test_a_score_is_refused_while_records_are_damaged(run):
    an_edited_digit(chain(run))
    with pytest.raises(UserError, match="line 3: its hash does not fit"):
        fortifai.score(run)


def test_records_of_another_chain_are_noticed(run):
    one, other = chain(run, seed=0), chain(run, seed=1)
    shutil.copyfile(other / "generations.jsonl", one / "generations.jsonl")
    assert any("line 1: its hash" in finding.what for finding in verify_run(run).of("damaged"))


def test_a_chain_that_is_gone_is_missed_and_computed_again(run, undisturbed, capsys, monkeypatch):
    folder = chain(run, "control")
    shutil.rmtree(folder)
    assert [finding.where for finding in verify_run(run).of("missing")] == [folder.name]
    monkeypatch.setattr("sys.argv", ["fortifai", "status", str(run)])
    with pytest.raises(SystemExit):
        main()
    assert "11 of 12 chains done" in capsys.readouterr().out
    again(run)
    assert numbers(run) == numbers(undisturbed)


def test_a_chain_file_that_cannot_be_read_blocks_nothing(run, undisturbed):
    contents = ("", "{", "[1]", '{"schema": 2}')
    for folder, content in zip(sorted(file.parent for file in run.glob("*/chain.json")), contents, strict=False):
        (folder / "chain.json").write_text(content)
    assert len(verify_run(run).of("damaged")) == len(contents)
    again(run)
    assert numbers(run) == numbers(undisturbed)
    assert verify_run(run).is_whole


@pytest.mark.parametrize("change", [lambda null: {**null, "value": null["value"] * 1.5}, lambda null: {**null, "values": [1.0]}])
def test_a_null_that_is_not_the_median_of_its_values_is_named(run, change):
    file = run / "nulls" / "small.json"
    file.write_text(json.dumps(change(json.loads(file.read_text()))))
    assert any(finding.where.startswith("nulls/small.json") for finding in verify_run(run).of("damaged"))


@pytest.mark.parametrize("field", ["objective", "strategy", "seed", "data_hash", "fidelity_metric", "null", "id", "suite"])
def test_a_chain_that_is_not_what_its_identity_says_is_named(run, field):
    file = chain(run) / "chain.json"
    content = json.loads(file.read_text())
    content[field] = 7 if field in ("seed", "null") else "other"
    file.write_text(json.dumps(content))
    assert verify_run(run).of("damaged")


def test_a_null_that_was_lost_is_measured_again_and_a_chain_without_one_is_mended(run, undisturbed):
    (run / "nulls" / "small.json").unlink()
    file = chain(run) / "chain.json"
    content = json.loads(file.read_text())
    file.write_text(json.dumps({**content, "null": None}))
    assert not verify_run(run).is_whole
    again(run)
    assert verify_run(run).is_whole
    assert json.loads(file.read_text())["null"] == content["null"]
    assert numbers(run) == numbers(undisturbed)


def test_a_folder_of_version_1_is_read_and_said_to_be_unverified(run):
    as_version_1(run)
    verification = verify_run(run)
    assert verification.is_whole
    assert len(verification.of("unverified")) == 12
    assert len(fortifai.score(run).rows) == 6


def test_a_run_folder_that_is_taken_away_stops_the_run_and_is_not_made_again(suite, tmp_path, monkeypatch):
    from fortifai.runner import run as running

    announce = running.announce

    def taken_away(path: Path, record: object) -> None:
        announce(path, record)
        if path.parent.exists() and len(list(path.parent.glob("*/chain.json"))) == 12:
            shutil.rmtree(path.parent)

    monkeypatch.setattr(running, "announce", taken_away)
    with pytest.raises(RunFailed, match="the run folder was lost"):
        fortifai.run(suite, tmp_path, quiet=True)
    assert not (tmp_path / "tiny@1").exists()


@pytest.mark.parametrize("keep", ["last", "samples", "none"])
def test_a_stop_while_older_data_is_let_go_leaves_no_half_model(suite, tmp_path, monkeypatch, keep):
    class Stopped(BaseException):
        pass

    rmtree = shutil.rmtree

    def half(path: Path, *options: object, **named: object) -> None:
        files = [file for file in Path(path).rglob("*") if file.is_file()]
        if not files:
            return rmtree(path, *options, **named)
        files[0].unlink()
        raise Stopped

    monkeypatch.setattr(shutil, "rmtree", half)
    with pytest.raises(Stopped):
        fortifai.run(suite, tmp_path, quiet=True, keep=keep, executor="in-process", seeds=1, generations=1)
    monkeypatch.undo()
    assert not verify_run(tmp_path / "tiny@1").of("damaged")
