"""Adversarial networks through the runner: stopped and resumed, beside opponents, and refused where a likelihood is asked for."""

import json
from pathlib import Path
from typing import Any

import pytest
from test_image_recursion import numbers

import fortifai
from fortifai.errors import UserError
from fortifai.planning.suite_file import load_suite

pytestmark = pytest.mark.usefixtures("brief_classifiers")

SUITE = """
schema = 1
name = "tiny"
version = 1
summary = "digits"
[regimes.judged]
modality = "image-gan"
model.channels = 4
model.latent = 4
model.steps = 6
model.batch = 16
model.judges = ["classifier"]
model.device = "cpu"
data.source = "digits"
n = 40
start = "warm"
generations = 2
seeds = 1
objectives = ["ce", "tce:gamma=0.6"]
strategies = ["replace", "control"]
fidelity_metric = "frechet"
metrics = ["frechet", "separability:classifier", "nll", "confidence_gap"]
seconds_per_generation = 0.1
"""


def run(folder: Path, **options: Any) -> Path:
    path = folder / "tiny.toml"
    path.write_text(SUITE)
    return fortifai.run(path, folder, quiet=True, executor="in-process", **options).path


def test_a_run_that_was_stopped_has_the_numbers_of_one_that_was_not_and_no_likelihood(tmp_path: Path) -> None:
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    whole.mkdir()
    parts.mkdir()
    chosen = {"strategies": ["replace"]}
    once = numbers(run(whole, **chosen))
    run(parts, generations=1, **chosen)
    assert numbers(run(parts, **chosen)) == once
    assert len(once) == 2
    for records in once.values():
        assert [record["status"] for record in records] == ["ok"] * 3
        for record in records:
            assert record["metrics"]["nll"] is None
            assert 0 <= record["metrics"]["separability:classifier"] <= 1
            assert record["notes"]["judges"] == 1
            assert set(record["confidence"]) == {"synthetic", "real"}


def test_networks_are_extrapolated_and_several_may_feed_on_one_pool(tmp_path: Path) -> None:
    folder = run(tmp_path, strategies=["ecosystem:members=2", "neon"], objectives=["ce"], generations=1)
    kept = [json.loads(path.read_text())["strategy"] for path in folder.glob("*/chain.json")]
    assert {name.partition(":")[0] for name in kept} >= {"ecosystem", "neon"}
    assert all(record["status"] == "ok" for records in numbers(folder).values() for record in records)


@pytest.mark.parametrize("strategy", ["select", "select:by=first", "detector"])
def test_a_strategy_that_goes_by_likelihood_is_refused_before_anything_is_written(strategy: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot be run in modality 'image-gan', which has no likelihood of samples"):
        run(tmp_path, strategies=[strategy])
    assert not list(tmp_path.glob("*/*/generations.jsonl"))


def test_the_suite_has_each_regime_with_and_without_a_judge() -> None:
    suite = load_suite("image-gan")
    for name in ("drift", "biased"):
        plain, judged = (suite.regime(regime) for regime in (name, f"{name}-judged"))
        assert (plain.model.judges, judged.model.judges) == ((), ("classifier",))  # type: ignore[attr-defined]
        assert plain.model.model_copy(update={"judges": judged.model.judges}) == judged.model  # type: ignore[attr-defined]
        assert (plain.n, plain.sampling, plain.objectives) == (judged.n, judged.sampling, judged.objectives)
    assert suite.regime("drift").sampling.temperature == 1 > suite.regime("biased").sampling.temperature
