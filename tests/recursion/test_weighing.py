"""Objectives that look at the samples themselves: what they observe is recorded, and a fit gets the weights that they give."""

from collections.abc import Mapping, Sequence
from typing import ClassVar

import pytest
import torch
from gaussian_support import Gaussian, numbers, run
from torch import Tensor

from fortifai.config import Identity
from fortifai.errors import UserError
from fortifai.objectives import Memory, Objective, registry
from fortifai.objectives.base import Remembered
from fortifai.planning.suite import canonical_objectives


class Upwards(Objective):
    """Weighs what lies above the mean of the first generation more than what lies below."""

    name: ClassVar[str] = "upwards"
    remembers: ClassVar[frozenset[Remembered]] = frozenset({"observed"})
    modalities: ClassVar[tuple[str, ...]] = ("elsewhere",)
    middle: Identity[float] = 0.0

    def observe(self, data: Mapping[str, Tensor]) -> Sequence[float]:
        return (float(data["x"].mean()), float(len(data["x"])))

    def for_generation(self, past: Sequence[Memory]) -> Objective:
        return self.model_copy(update={"middle": past[0].observed[0]}) if past else self

    def weigh(self, data: Mapping[str, Tensor], weight: Tensor) -> Tensor:
        above = (data["x"] > self.middle).double()
        return (1 + above) / (weight * (1 + above)).sum() * weight.sum()

    def weights(self, confidence: Tensor, mass: Tensor | None = None) -> Tensor:
        return torch.ones_like(confidence)


def test_what_an_objective_observes_of_every_generation_is_recorded_and_remembered():
    history = run(2, objective=Upwards())
    for generation, record in enumerate(history.records):
        made = history.made[generation]["x"]
        assert record.notes == {"observed_0": pytest.approx(float(made.mean()), rel=1e-12), "observed_1": 40.0}


def test_a_fit_gets_the_weights_of_what_was_observed_and_of_its_strategy():
    adapter = Gaussian()
    history = run(2, adapter=adapter, objective=Upwards(), strategy="weighted:real=0.5")
    middle = history.records[0].notes["observed_0"]
    plain = Gaussian()
    run(2, adapter=plain, strategy="weighted:real=0.5")
    training = adapter.calls[1].training
    above = training["x"] > middle
    ratio = training.weights() / plain.calls[1].training.weights()
    assert 0 < above.sum() < len(above)
    assert torch.allclose(ratio[above], 2 * ratio[~above][0])
    assert float(training.weights().sum()) == pytest.approx(float(plain.calls[1].training.weights().sum()))


def test_a_chain_that_was_stopped_goes_on_by_what_it_observed():
    whole = run(3, objective=Upwards())
    assert numbers(run(3, whole.until(1), objective=Upwards()).records) == numbers(whole.records)


def test_an_objective_of_another_modality_is_refused_when_it_is_planned(monkeypatch):
    monkeypatch.setitem(registry._entries, "upwards", Upwards)
    message = "objective 'upwards:middle=0' is for elsewhere, not for analytic-gaussian"
    with pytest.raises(UserError, match=f"^{message}$"):
        canonical_objectives(("upwards",), "analytic-gaussian", "warm")
