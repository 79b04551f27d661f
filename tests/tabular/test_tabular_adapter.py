"""The tabular adapter: the contract's questions."""

from pathlib import Path

import pytest
import torch
from pydantic import ValidationError

from fortifai import objectives
from fortifai.contract.declaration import modalities
from fortifai.contract.modality import Fit
from fortifai.errors import UserError
from fortifai.modalities.tabular.adapter import GaussianMixtureAdapter
from fortifai.modalities.tabular.config import MixtureConfig, TableData
from fortifai.modalities.tabular.mixture import GaussianMixture
from fortifai.objectives import CrossEntropy, Objective
from fortifai.randomness import stream

DATA = TableData(source="mixture-2d")


@pytest.fixture(scope="module")
def adapter() -> GaussianMixtureAdapter:
    return GaussianMixtureAdapter(MixtureConfig(components=5), DATA)


def fit(adapter: GaussianMixtureAdapter, n: int = 300, objective: Objective | None = None) -> Fit[GaussianMixture]:
    return adapter.fit(adapter.splits.train.take(slice(n)), objective or CrossEntropy(), None, stream("fit"))


def test_the_declaration_makes_the_adapter_with_its_data() -> None:
    config = MixtureConfig(components=3)
    adapter = modalities.get("tabular").bind(config, DATA)
    assert isinstance(adapter, GaussianMixtureAdapter)
    assert adapter.config.label == "gaussian-mixture-3"
    assert adapter.splits.train["x"].shape == (7000, 2)


def test_a_saved_model_comes_back_to_the_last_bit(adapter: GaussianMixtureAdapter, tmp_path: Path) -> None:
    model = fit(adapter).model
    adapter.save(model, tmp_path)
    loaded = adapter.load_model(tmp_path)
    assert all(torch.equal(tensor, vars(loaded)[name]) for name, tensor in vars(model).items())
    written = sum(file.stat().st_size for file in tmp_path.iterdir())
    assert written == pytest.approx(adapter.model_bytes(), abs=256)


def test_the_model_knows_real_data_it_never_saw(adapter: GaussianMixtureAdapter) -> None:
    model, test = fit(adapter, 2000).model, adapter.splits.test
    nll, p = adapter.likelihood(model, test)
    assert nll.shape == p.shape == (len(test),)
    assert torch.equal(p, torch.exp(-nll / 2))  # a density's D-th root, in D = 2 columns


@pytest.mark.parametrize("unit", ["component", "row"])
def test_an_anchor_is_the_density_that_generation_0_reaches(adapter: GaussianMixtureAdapter, unit: str) -> None:
    model, objective = fit(adapter, 2000).model, objectives.resolve(f"tce-anchored:unit={unit}")
    anchors = adapter.anchors(model, objective, 0.9)
    confidence = adapter.likelihood(model, adapter.splits.validation).confidence
    if unit == "component":
        assert torch.equal(anchors, torch.exp(model.log_modes() / 2))
    else:
        assert float((confidence <= anchors).double().mean()) == pytest.approx(0.9, abs=1 / len(confidence))


def test_a_warm_start_resumes_from_its_model(adapter: GaussianMixtureAdapter) -> None:
    cold = fit(adapter, 1000)
    warm = adapter.fit(adapter.splits.train.take(slice(1000)), CrossEntropy(), cold.model, stream("fit"))
    assert warm.notes["em_iterations"] <= 2
    assert torch.allclose(warm.model.means, cold.model.means, atol=1e-2)


def test_the_masked_share_is_reported(adapter: GaussianMixtureAdapter) -> None:
    keep = objectives.resolve("tce-quantile:keep=0.9")
    assert fit(adapter, 1000, keep).masked_share == pytest.approx(0.1, abs=0.01)
    assert fit(adapter, 1000).masked_share == 0


@pytest.mark.parametrize(
    ("n", "components", "message"),
    [(4, 5, "5 components"), (2, 1, "at least 3"), (1_000_000, 5, "the training pool has 7000")],
)
def test_sizes_that_cannot_be_trained_are_refused(n: int, components: int, message: str) -> None:
    with pytest.raises(UserError, match=message):
        GaussianMixtureAdapter(MixtureConfig(components=components), DATA).check(n)


def test_a_sensible_size_passes(adapter: GaussianMixtureAdapter) -> None:
    adapter.check(200)


def test_a_device_that_is_not_there_is_refused_before_anything_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    with pytest.raises(UserError, match="'cuda:0' is not available on this machine"):
        GaussianMixtureAdapter(MixtureConfig(device="cuda:0"), DATA).check(200)
    with pytest.raises(ValidationError):
        MixtureConfig(device="gpu")


@pytest.mark.parametrize("device", ["cpu", "cuda"] if torch.cuda.is_available() else ["cpu"])
def test_models_and_samples_stay_on_the_cpu_wherever_em_runs(device: str, adapter: GaussianMixtureAdapter) -> None:
    there = GaussianMixtureAdapter(MixtureConfig(device=device), DATA)
    model = fit(there, 1000).model
    nll, confidence = there.likelihood(model, there.splits.test)
    assert {tensor.device.type for tensor in (*vars(model).values(), nll, confidence)} == {"cpu"}
    torch.testing.assert_close(model.covariances, fit(adapter, 1000).model.covariances)
