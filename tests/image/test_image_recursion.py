"""Images through the runner: stopped and resumed, what is kept and shown, what ends a chain, and what is missing."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from image_support import write_mnist
from PIL import Image
from safetensors.torch import load_file

import fortifai
from fortifai.errors import UserError
from fortifai.planning.chains import Selection
from fortifai.planning.plan import make_plan
from fortifai.planning.suite_file import load_suite
from fortifai.records.layout import EXAMPLES, FIRST_ROW_KEY, REAL_EXAMPLE, generation_name
from fortifai.report.filmstrip import GAP, MARGIN, compose

SUITE = """
schema = 1
name = "tiny"
version = 1
summary = "digits"
[regimes.digits]
modality = "image-vae"
model.channels = 4
model.latent = 4
model.epochs = 3
model.draws = 2
model.device = "cpu"
data.source = "digits"
data.binary = true
sampling.pixels = "bernoulli"
n = 100
start = "warm"
generations = 3
seeds = 1
objectives = ["ce", "tce-anchored:q=0.5,unit=sample"]
strategies = ["replace", "control"]
fidelity_metric = "frechet"
seconds_per_generation = 0.1
"""


def suite_file(folder: Path) -> Path:
    path = folder / "tiny.toml"
    path.write_text(SUITE)
    return path


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole")
    return fortifai.run(suite_file(folder), folder, quiet=True, executor="in-process").path


def numbers(run: Path) -> dict[str, Any]:
    clocks = ("seconds", "samples_per_second", "peak_memory_bytes", "hash")
    lines = {path.parent.name: path.read_text().splitlines() for path in run.glob("*/generations.jsonl")}
    return {
        chain: [{key: value for key, value in json.loads(line).items() if key not in clocks} for line in records]
        for chain, records in lines.items()
    }


def test_a_run_that_was_stopped_has_the_numbers_of_one_that_was_not(whole: Path, tmp_path: Path) -> None:
    """The latent spread among them, whose encoder is that of generation 0."""
    for generations in (1, 3):
        run = fortifai.run(suite_file(tmp_path), tmp_path, generations=generations, quiet=True, executor="in-process").path
    assert numbers(run) == numbers(whole)
    for records in numbers(whole).values():
        spreads = [record["metrics"]["latent_spread"] for record in records]
        assert len(set(spreads)) == 4
        assert all(0 < spread < 2 for spread in spreads)


def test_what_is_kept_is_the_last_generation_and_the_first_model(whole: Path) -> None:
    for chain in numbers(whole):
        stored = {str(file.relative_to(whole / chain)) for file in (whole / chain).glob("generation-*/**/*.safetensors")}
        assert stored == {
            "generation-00/model/vae.safetensors",
            "generation-03/model/vae.safetensors",
            "generation-03/samples.safetensors",
        }


def test_a_chain_whose_first_model_is_gone_starts_over_to_the_same_numbers(whole: Path, tmp_path: Path) -> None:
    run = shutil.copytree(whole, tmp_path / "tiny@1")
    shutil.rmtree(next(run.glob("*/generation-00")))
    fortifai.run(suite_file(tmp_path), tmp_path, generations=3, quiet=True, executor="in-process")
    assert numbers(run) == numbers(whole)
    extended = fortifai.run(suite_file(tmp_path), tmp_path, generations=4, quiet=True, executor="in-process").path
    assert {chain: records[:4] for chain, records in numbers(extended).items()} == numbers(whole)


def test_every_generation_is_a_row_of_the_filmstrip(whole: Path, tmp_path: Path) -> None:
    assert len(numbers(whole)) == 4
    for chain in numbers(whole):
        pictures = [(name, whole / chain / EXAMPLES / f"{name}.png") for name in (REAL_EXAMPLE, *map(generation_name, range(4)))]
        compose(pictures, tmp_path / "filmstrip.png")
        with Image.open(tmp_path / "filmstrip.png") as strip, Image.open(pictures[1][1]) as grid:
            row = int(grid.info[FIRST_ROW_KEY])
            assert strip.size == (MARGIN + grid.width, 5 * (row + GAP) - GAP)
            assert grid.height >= 4 * row


def test_training_that_diverges_ends_the_chain_as_an_onset(tmp_path: Path) -> None:
    wild = ["model.learning_rate=1e12", "model.epochs=20"]
    run = fortifai.run(
        suite_file(tmp_path), tmp_path, strategies=["replace"], settings=wild, quiet=True, executor="in-process"
    ).path
    for records in numbers(run).values():
        assert records[-1]["status"] == "diverged"
        assert records[-1]["reason"].startswith("the loss is ")


def test_every_objective_of_a_suite_of_images_says_its_unit() -> None:
    for name in ("image-vae", "image-diffusion", "paper-vae"):
        for regime in load_suite(name).regimes:
            assert regime.objectives[0] == "ce"
            assert all("unit=pixel" in objective or "unit=sample" in objective for objective in regime.objectives[1:])


@pytest.mark.parametrize("root", [None, "nowhere"])
def test_the_suite_of_the_paper_is_planned_and_refused_where_mnist_is_not(root: str | None) -> None:
    suite = load_suite("paper-vae", [] if root is None else [f"data.root={root}"])
    plan = make_plan(suite, Selection())
    assert {chain.id for chain in plan.chains} == {None}
    with pytest.raises(UserError, match="the files of mnist, as torchvision keeps them"):
        plan.require_needs()


@pytest.mark.usefixtures("brief_classifiers")
def test_the_suite_of_the_paper_runs_where_mnist_is(tmp_path: Path) -> None:
    """On files of noise in MNIST's format, and small; the recipe, the objectives and the units are the paper's."""
    write_mnist(tmp_path)
    small = [f"data.root={tmp_path}", "n=8", "model.channels=4", "model.epochs=3", "model.draws=2", "model.batch=4"]
    run = fortifai.run(
        "paper-vae", tmp_path / "runs", seeds=1, generations=2, settings=small, quiet=True, executor="in-process"
    ).path
    assert len(numbers(run)) == 6
    for records in numbers(run).values():
        assert [record["training"]["size"] for record in records] == [8, 8, 8]
        assert all(record["metrics"]["frechet"] > 0 for record in records)
        assert all(record["metrics"]["latent_std"] > 0 for record in records)
    by_chain = {path.parent.name: json.loads(path.read_text()) for path in run.glob("*/chain.json")}
    for chain, description in by_chain.items():
        drawn = load_file(run / chain / "generation-02" / "samples.safetensors")["data.x"]
        assert len(drawn) == (8 if description["strategy"] == "control" else 16)
        assert ("anchor_0" in numbers(run)[chain][0]["notes"]) == description["objective"].startswith("tce-anchored")


def test_the_suites_of_images_have_the_same_two_regimes_and_the_paper_its_recipe() -> None:
    for name in ("image-vae", "image-diffusion"):
        suite = load_suite(name)
        drift, biased = (suite.regime(regime) for regime in ("drift", "biased"))
        assert drift.sampling.temperature == 1 > biased.sampling.temperature
        assert drift.objectives == biased.objectives
        assert drift.strategies == biased.strategies == ("replace", "control")
    (paper,) = load_suite("paper-vae").regimes
    recipe = {"batch": 256, "epochs": 30, "weight_decay": 1e-5, "decoder_activation": False, "channels": 64, "latent": 20}
    assert paper.model.identity().items() >= recipe.items()
    assert (paper.start, paper.generations) == ("scratch", 5)
