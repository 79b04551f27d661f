"""The metrics that every modality has, and the registry that joins them with each modality's own."""

from types import SimpleNamespace

import pytest
import torch

from fortifai import metrics
from fortifai.contract.metric import Metric
from fortifai.contract.metric_inputs import MetricInputs
from fortifai.contract.modality import Likelihood
from fortifai.contract.samples import Samples, Splits
from fortifai.errors import UserError
from fortifai.registry import Registry

(NLL, GAP) = metrics.SHARED


class Toy:
    """As much of an adapter as a likelihood metric asks for: a model is a scale; likelihood and confidence are linear in it."""

    density = implicit = False

    def __init__(self, splits: Splits) -> None:
        self.splits = splits

    def likelihood(self, model: float, samples: Samples) -> Likelihood:
        return Likelihood(model * samples["x"], samples["x"] / 10)


def inputs(synthetic: torch.Tensor, test: torch.Tensor) -> MetricInputs:
    part = Samples.real(x=torch.full((3, 2), 9.0))
    return MetricInputs(Toy(Splits(part, part, Samples.real(x=test))), Samples.real(x=synthetic), 2.0)


def test_shared_metrics_declare_themselves_consistently():
    assert [metric.name for metric in metrics.SHARED] == ["nll", "confidence_gap"]
    for metric in metrics.SHARED:
        assert callable(metric.function())
        low, high = metric.valid
        assert low < high
        assert (metric.better == "target") == (metric.target is not None)


def test_held_out_likelihood_is_the_mean_over_the_elements_of_the_test_split():
    assert metrics.measure(NLL, inputs(torch.zeros(5, 2), torch.tensor([[1.0, 2.0], [3.0, 6.0]]))) == 6.0


def test_the_confidence_gap_is_own_minus_real():
    sure, unsure = torch.full((4, 2), 8.0), torch.full((2, 2), 3.0)
    assert metrics.measure(GAP, inputs(sure, unsure)) == pytest.approx(0.5)
    assert metrics.measure(GAP, inputs(unsure, sure)) == pytest.approx(-0.5)


def test_too_few_samples_for_a_metric_are_refused():
    with pytest.raises(UserError, match="'confidence_gap' needs at least 1 samples, got 0"):
        metrics.measure(GAP, inputs(torch.empty(0, 2), torch.ones(2, 2)))


def registry_of(**declarations: object) -> Registry[object]:
    registry: Registry[object] = Registry("modality")
    for name, declaration in declarations.items():
        registry.register(name, declaration)
    return registry


def spread(compute: str) -> Metric:
    return Metric(name="spread", compute=compute, summary="how far", better="lower", unit="metres", valid=(0, 1), reads=("real",))


def test_the_registry_joins_shared_and_modality_metrics_and_passes_over_the_broken(monkeypatch):
    one, two = (SimpleNamespace(metrics=(spread("a:b"),)) for _ in range(2))
    monkeypatch.setattr(metrics, "modalities", registry_of(one=one, two=two, bad="no_such:x"))
    assert metrics.by_name().keys() == {"spread", "nll", "confidence_gap"}
    assert metrics.by_name()["spread"] == (spread("a:b"),)


def test_two_modalities_may_mean_different_things_by_one_name(monkeypatch):
    one, two = (SimpleNamespace(metrics=(spread(compute),)) for compute in ("a:b", "c:d"))
    monkeypatch.setattr(metrics, "modalities", registry_of(one=one, two=two))
    assert metrics.by_name()["spread"] == (spread("a:b"), spread("c:d"))


def test_one_modality_cannot_mean_two_things_by_one_name():
    twice = SimpleNamespace(name="one", metrics=(spread("a:b"), spread("c:d")))
    with pytest.raises(UserError, match="metric 'spread' is registered twice"):
        metrics.of(twice)
