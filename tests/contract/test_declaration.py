"""What modalities and metrics say about themselves, and metrics that every modality has."""

import math
import sys
from types import SimpleNamespace

import pytest
import torch

from fortifai import metrics
from fortifai.config import ModelConfig, Sampling
from fortifai.contract.declaration import ModalityDeclaration, modalities
from fortifai.contract.metric import Metric
from fortifai.contract.metric_inputs import MetricInputs
from fortifai.contract.samples import Samples, Splits
from fortifai.errors import UserError
from fortifai.registry import Registry


def declare(**changes: object) -> ModalityDeclaration:
    fields = {"name": "toy", "version": "1", "summary": "a toy", "adapter": f"{__name__}:Toy"}
    references = {"config": "a:B", "data": "a:B", "sampling": "a:B"}
    return ModalityDeclaration(**{**fields, **references, **changes})


class Toy:
    """As much of an adapter as a likelihood metric asks: a model is a scale; confidence and loss are linear in it."""

    categorical = False

    def __init__(self, config: object) -> None:
        self.config = config

    def nll(self, model: float, samples: Samples) -> torch.Tensor:
        return model * samples["x"]

    def confidence(self, model: float, samples: Samples) -> torch.Tensor:
        return samples["x"] / 10


def inputs(synthetic: torch.Tensor, test: torch.Tensor) -> MetricInputs:
    part = Samples.real(x=torch.full((3, 2), 9.0))
    return MetricInputs(Splits(part, part, Samples.real(x=test)), Samples.real(x=synthetic), Toy(None), model=2.0)


def test_what_is_missing_is_named_with_how_to_install_it():
    assert declare().missing() is None
    assert declare(requires=("math", "os.path")).missing() is None
    assert declare(requires=("math", "no_such_module"), extra="image").missing() == (
        "needs no_such_module; pip install 'fortifai[image]'"
    )
    assert declare(requires=("no_such_module", "no_such_package.part")).missing() == "needs no_such_module, no_such_package.part"


def test_looking_for_a_requirement_does_not_import_it():
    assert "this" not in sys.modules
    assert declare(requires=("this",)).missing() is None
    assert "this" not in sys.modules


def test_an_unavailable_modality_is_not_built():
    with pytest.raises(UserError, match="modality 'toy' is unavailable: needs no_such_module"):
        declare(requires=("no_such_module",)).build(ModelConfig())


def test_a_modality_is_built_with_its_configuration():
    config = ModelConfig()
    adapter = declare().build(config)
    assert isinstance(adapter, Toy)
    assert adapter.config is config


@pytest.mark.parametrize("temperature", [0, -1, math.nan, math.inf])
def test_a_temperature_is_positive_and_finite(temperature):
    with pytest.raises(ValueError, match="temperature"):
        Sampling(temperature=temperature)


def test_shared_metrics_declare_themselves_consistently():
    for metric in metrics.SHARED:
        assert callable(metric.function())
        low, high = metric.valid
        assert low < high
        assert (metric.better == "target") == (metric.target is not None)


def test_held_out_likelihood_is_the_mean_over_the_elements_of_the_test_split():
    (nll,) = [metric for metric in metrics.SHARED if metric.name == "nll"]
    assert metrics.measure(nll, inputs(torch.zeros(5, 2), torch.tensor([[1.0, 2.0], [3.0, 6.0]]))) == 6.0


def test_the_confidence_gap_is_own_minus_real():
    (gap,) = [metric for metric in metrics.SHARED if metric.name == "confidence_gap"]
    sure, unsure = torch.full((4, 2), 8.0), torch.full((2, 2), 3.0)
    assert metrics.measure(gap, inputs(sure, unsure)) == pytest.approx(0.5)
    assert metrics.measure(gap, inputs(unsure, sure)) == pytest.approx(-0.5)


def test_too_few_samples_for_a_metric_are_refused():
    (gap,) = [metric for metric in metrics.SHARED if metric.name == "confidence_gap"]
    with pytest.raises(UserError, match="'confidence_gap' needs at least 1 samples, got 0"):
        metrics.measure(gap, inputs(torch.empty(0, 2), torch.ones(2, 2)))


def test_what_real_data_alone_decides_is_computed_once():
    given = inputs(torch.ones(1, 2), torch.ones(1, 2))
    calls: list[int] = []
    assert [given.once("key", lambda: calls.append(1) or len(calls)) for _ in range(3)] == [1, 1, 1]
    assert given.once("other", lambda: 5) == 5


def test_a_metric_draws_the_same_numbers_every_time_and_others_than_its_neighbour():
    given = inputs(torch.ones(1, 2), torch.ones(1, 2))
    first, again, other = (torch.rand(4, generator=given.stream(name)) for name in ("a", "a", "b"))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def stand_in(**declarations: object) -> Registry[object]:
    registry: Registry[object] = Registry("modality")
    for name, declaration in declarations.items():
        registry.register(name, declaration)
    return registry


def a_metric(compute: str) -> Metric:
    return Metric("spread", "how far", "lower", "metres", (0, math.inf), 1, ("real",), compute)


def test_the_metric_registry_joins_shared_and_modality_metrics_and_passes_over_the_broken(monkeypatch):
    spread = a_metric("a:b")
    monkeypatch.setattr(
        metrics,
        "modalities",
        stand_in(one=SimpleNamespace(metrics=(spread,)), two=SimpleNamespace(metrics=(spread,)), bad="no_such:x"),
    )
    registry = metrics.registry()
    assert set(registry) == {"spread", *(metric.name for metric in metrics.SHARED)}
    assert registry.get("spread") is spread


def test_two_modalities_cannot_mean_different_things_by_one_metric(monkeypatch):
    one, two = (SimpleNamespace(metrics=(a_metric(compute),)) for compute in ("a:b", "c:d"))
    monkeypatch.setattr(metrics, "modalities", stand_in(one=one, two=two))
    with pytest.raises(UserError, match="metric 'spread' is registered twice"):
        metrics.registry()


def test_installed_modalities_are_declarations_under_their_own_name():
    for name in modalities:
        if modalities.broken(name) is None:
            assert isinstance(modalities.get(name), ModalityDeclaration)
            assert modalities.get(name).name == name
