"""Generation 0 in the run folder: fitted once, verified, mended, and not there by halves; no number of any chain moves by it."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from runner_support import QUANTILE, numbers, write_suite

import fortifai
from fortifai.errors import RunFailed
from fortifai.modalities.tabular.adapter import GaussianMixtureAdapter
from fortifai.records.reading import shared_folders
from fortifai.records.verification import verify_run
from fortifai.runner import worker
from fortifai.runner.chain_folder import ChainFolder

OBJECTIVES = ("ce", "tce-online", "tce-anchored", QUANTILE)
STRATEGIES = ("replace", "accumulate", "fresh-mix:k=4", "control")


def run(out: Path, objectives: tuple[str, ...] = OBJECTIVES, **options: Any) -> Path:
    out.mkdir(exist_ok=True)
    choice: dict[str, Any] = {"seeds": 1, "generations": 3, "executor": "in-process", "quiet": True}
    return fortifai.run(write_suite(out, objectives=objectives, strategies=STRATEGIES), out, **(choice | options)).path


def of_chains(run: Path) -> dict[str, object]:
    """Return the numbers of a run's chains, whether they shared generation 0 or not."""
    content: dict[str, object] = {}
    for path, value in numbers(run).items():
        if path.endswith(".jsonl"):
            assert isinstance(value, list)
            content[path] = [{key: field for key, field in record.items() if key != "shared"} for record in value]
        elif not path.startswith("generation-0/"):
            content[path] = value
    return content


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    """The numbers of chains of which each fits its own generation 0."""

    def run_alone(chain: Any, history: Any, horizon: int, checkpoints: Path, shared: object) -> Iterator[Any]:
        return run_chain(chain, history, horizon, checkpoints)

    run_chain = worker.run_chain
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(worker, "run_chain", run_alone)
        path = run(tmp_path_factory.mktemp("alone"))
    assert not shared_folders(path)
    return of_chains(path)


@pytest.fixture
def fits(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Every fit of the test in this process: whether it was of real samples from scratch, as that of generation 0."""
    fit, made = GaussianMixtureAdapter.fit, []

    def noted(self: Any, samples: Any, objective: Any, init: Any, rng: Any, checkpoints: Any = None) -> Any:
        made.append(init is None)
        return fit(self, samples, objective, init, rng, checkpoints)

    monkeypatch.setattr(GaussianMixtureAdapter, "fit", noted)
    return made


def test_generation_0_is_fitted_once_and_no_number_moves(tmp_path, alone, fits):
    path = run(tmp_path)
    assert sum(fits) == 2, "one for the objectives that are cross entropy there, one for the fixed share"
    assert len(fits) == 2 + 3 * 16
    assert len(shared_folders(path)) == 2
    assert of_chains(path) == alone
    assert verify_run(path).is_whole


def test_every_chain_says_what_it_shares_and_the_seconds_of_the_fit_stand_there_once(tmp_path):
    path = run(tmp_path)
    firsts = [json.loads(file.read_text().splitlines()[0]) for file in path.glob("*/generations.jsonl")]
    assert {record["shared"] for record in firsts} == {folder.name for folder in shared_folders(path)}
    assert all(set(record["seconds"]) <= {"take", "measure"} for record in firsts)
    for folder in shared_folders(path):
        shared = json.loads((folder / "generation.json").read_text())
        assert set(shared["record"]["seconds"]) == {"fit", "sample", "measure"}
        assert "own_nll" not in shared["record"]["notes"]
        assert {"strategy", "horizon", "generations"}.isdisjoint({*shared["identity"], *shared["identity"]["regime"]})


def test_chains_that_are_added_take_over_what_is_there(tmp_path, alone, fits):
    run(tmp_path, strategies=["replace"], objectives=("ce",))
    assert sum(fits) == 1
    path = run(tmp_path)
    assert sum(fits) == 2
    assert of_chains(path) == alone


@pytest.mark.parametrize(("keep", "samples", "models"), [("all", 4, 4), ("samples", 4, 1), ("last", 1, 1), ("none", 0, 0)])
def test_a_chain_keeps_what_it_would_keep_of_its_own(tmp_path, keep, samples, models):
    path = run(tmp_path, ("ce",), strategies=["replace"], keep=keep)
    assert len(list(path.glob("*/generation-??/samples.safetensors"))) == samples
    assert len(list(path.glob("*/generation-??/model/mixture.safetensors"))) == models
    (shared,) = shared_folders(path)
    assert (shared / "samples.safetensors").exists() == (shared / "model").exists() == (keep != "none")
    assert verify_run(path).is_whole
    if keep == "all":  # a second name, which takes no room
        assert (shared / "samples.safetensors").samefile(next(path.glob("*/generation-00/samples.safetensors")))


def test_what_was_let_go_is_computed_again_where_it_is_needed(tmp_path, alone, fits):
    run(tmp_path, ("ce",), strategies=["replace"], keep="none")
    path = run(tmp_path, keep="last", strategies=["accumulate"])
    assert sum(fits) == 3
    assert {name: content for name, content in alone.items() if name in of_chains(path)}.items() <= of_chains(path).items()
    assert verify_run(path).is_whole


def test_with_nothing_kept_it_stays_until_no_chain_needs_it(tmp_path, monkeypatch):
    commit, calls = ChainFolder.commit, []

    def falling_over(self: Any, record: Any, *made: Any) -> None:
        calls.append(record)
        if len(calls) > 5:
            raise RuntimeError("the machine fell over")
        commit(self, record, *made)

    monkeypatch.setattr(ChainFolder, "commit", falling_over)
    with pytest.raises(RunFailed):
        run(tmp_path, ("ce",), keep="none")
    (shared,) = shared_folders(tmp_path / "tiny@1")
    assert (shared / "samples.safetensors").exists()


class Killed(BaseException):
    """Stands for a process that ends here and now."""


@pytest.mark.parametrize("moment", ["before it is kept", "before it is recorded", "after it is recorded"])
def test_a_chain_that_is_killed_resumes_to_the_same_bits(tmp_path, alone, fits, monkeypatch, moment):
    with monkeypatch.context() as patch:

        def killed(*_: object) -> None:
            raise Killed

        if moment == "before it is kept":
            patch.setattr(worker.SharedGeneration, "keep", killed)
        elif moment == "before it is recorded":
            patch.setattr(ChainFolder, "commit", killed)
        else:
            patch.setattr(ChainFolder, "_prune", killed)
        with pytest.raises(Killed):
            run(tmp_path)
    assert sum(fits) == 1
    assert of_chains(run(tmp_path)) == alone
    assert sum(fits) == (3 if moment == "before it is kept" else 2)


def test_what_a_killed_process_left_half_written_is_swept(tmp_path, alone):
    left = tmp_path / "tiny@1" / "generation-0" / ".0123456789abcdef.k1ll3d.tmp"
    left.mkdir(parents=True)
    (left / "samples.safetensors").write_bytes(b"torn")
    assert of_chains(run(tmp_path)) == alone
    assert not left.exists()


def flip(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[-3] ^= 0b100
    file.unlink()  # not through another name of the same file
    file.write_bytes(content)


def link(folder: Path) -> None:
    elsewhere = folder.with_name(f"elsewhere-{folder.name}")
    folder.rename(elsewhere)
    folder.symlink_to(elsewhere)


DAMAGE = {
    "a bit of the samples": lambda folder: flip(folder / "samples.safetensors"),
    "a bit of the model": lambda folder: flip(folder / "model" / "mixture.safetensors"),
    "a bit of the record": lambda folder: flip(folder / "generation.json"),
    "no record": lambda folder: (folder / "generation.json").unlink(),
    "no samples": lambda folder: (folder / "samples.safetensors").unlink(),
    "a link": link,
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_damage_is_set_aside_and_computed_again_to_the_same_bits(tmp_path, alone, fits, damage, capsys):
    path = run(tmp_path, strategies=["replace"])
    assert len(shared_folders(path)) == sum(fits) == 2
    for folder in shared_folders(path):
        DAMAGE[damage](folder)
    if damage != "no samples":  # what is gone cannot be told from what was let go
        assert {finding.where.split("/")[0] for finding in verify_run(path).of("damaged")} == {"generation-0"}
    assert of_chains(run(tmp_path)) == alone
    assert sum(fits) == 4
    assert "set aside as generation-0/" in capsys.readouterr().err
    assert len(list(path.glob("generation-0/*.damaged-1"))) == 2, "nothing is lost"
    assert verify_run(path).is_whole


def test_a_generation_0_under_the_name_of_another_is_not_taken(tmp_path, alone):
    path = run(tmp_path, strategies=["replace"])
    one, other = shared_folders(path)
    shutil.rmtree(one)
    shutil.copytree(other, one)
    assert any("are not one" in finding.what for finding in verify_run(path).of("damaged"))
    assert of_chains(run(tmp_path)) == alone


def test_chains_that_run_on_set_damage_aside_even_if_they_do_not_need_it(tmp_path):
    path = run(tmp_path, ("ce",), generations=2)
    (folder,) = shared_folders(path)
    flip(folder / "samples.safetensors")
    assert not verify_run(path).is_whole
    run(tmp_path, ("ce",), generations=3)
    assert verify_run(path).is_whole
    assert not shared_folders(path)
