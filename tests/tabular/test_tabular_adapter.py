"""The tabular adapter: the contract's questions."""

from pathlib import Path

import pytest
import torch
from pydantic import ValidationError

from fortifai import objectives
from fortifai.config import Sampling
from fortifai.contract.declaration import modalities
from fortifai.contract.samples import Samples, Splits
from fortifai.errors import UserError
from fortifai.modalities.tabular.adapter import GaussianMixtureAdapter
from fortifai.modalities.tabular.config import MixtureConfig, TableData
from fortifai.objectives import CrossEntropy
from fortifai.randomness import stream


@pytest.fixture(scope="module")
def splits() -> Splits:
    return GaussianMixtureAdapter(MixtureConfig()).load(TableData(source="mixture-2d"))


@pytest.fixture
def adapter() -> GaussianMixtureAdapter:
    return GaussianMixtureAdapter(MixtureConfig(components=5))


def test_the_declaration_builds_the_adapter() -> None:
    config = MixtureConfig(components=3)
    assert config.label == "gaussian-mixture-3"
    assert isinstance(modalities.get("tabular").build(config), GaussianMixtureAdapter)


def test_a_fit_is_the_same_for_the_same_stream(adapter: GaussianMixtureAdapter, splits: Splits) -> None:
    train = splits.train.take(slice(300))
    a, b = (adapter.fit(train, splits.validation, CrossEntropy(), None, stream("fit")).model for _ in range(2))
    assert torch.equal(a.covariances, b.covariances)


def test_a_saved_model_comes_back_to_the_last_bit(adapter: GaussianMixtureAdapter, splits: Splits, tmp_path: Path) -> None:
    model = adapter.fit(splits.train.take(slice(300)), splits.validation, CrossEntropy(), None, stream("fit")).model
    adapter.save(model, tmp_path)
    back = adapter.load_model(tmp_path)
    assert torch.equal(adapter.nll(model, splits.test), adapter.nll(back, splits.test))
    assert torch.equal(back.means, model.means)
    written = sum(file.stat().st_size for file in tmp_path.iterdir())
    assert written == pytest.approx(adapter.model_bytes(splits), abs=256)


def test_samples_are_as_many_as_the_source_and_repeatable(adapter: GaussianMixtureAdapter, splits: Splits) -> None:
    model = adapter.fit(splits.train.take(slice(300)), splits.validation, CrossEntropy(), None, stream("fit")).model
    source = splits.train.take(slice(123))
    a, b = (adapter.sample(model, source, Sampling(), stream("sample")) for _ in range(2))
    assert len(a) == 123
    assert torch.equal(a["x"], b["x"])
    assert a["x"].dtype == torch.float64


def test_sharper_sampling_has_less_spread(adapter: GaussianMixtureAdapter, splits: Splits) -> None:
    model = adapter.fit(splits.train.take(slice(1000)), splits.validation, CrossEntropy(), None, stream("fit")).model
    plain, sharp = (adapter.sample(model, splits.train, Sampling(temperature=t), stream("sample")) for t in (1.0, 0.5))
    assert adapter.confidence(model, sharp).mean() > adapter.confidence(model, plain).mean()
    assert float(adapter.nll(model, sharp).mean()) < float(adapter.nll(model, plain).mean())


def test_the_model_knows_real_data_it_never_saw(adapter: GaussianMixtureAdapter, splits: Splits) -> None:
    model = adapter.fit(splits.train.take(slice(2000)), splits.validation, CrossEntropy(), None, stream("fit")).model
    p = adapter.confidence(model, splits.test)
    assert p.shape == (len(splits.test),)
    assert bool(((p >= 0) & (p <= 1)).all())
    # Under the true model the confidence exp(-m^2 / 2) of a D-dimensional Gaussian has mean 2^(-D / 2).
    assert float(p.mean()) == pytest.approx(0.5, abs=0.02)


def test_a_warm_start_goes_on_from_the_model_given(adapter: GaussianMixtureAdapter, splits: Splits) -> None:
    train = splits.train.take(slice(1000))
    cold = adapter.fit(train, splits.validation, CrossEntropy(), None, stream("fit"))
    warm = adapter.fit(train, splits.validation, CrossEntropy(), cold.model, stream("fit"))
    assert warm.notes["em_iterations"] <= 2
    assert torch.allclose(warm.model.means, cold.model.means, atol=1e-2)


def test_the_masked_share_is_reported(adapter: GaussianMixtureAdapter, splits: Splits) -> None:
    train, keep = splits.train.take(slice(1000)), objectives.resolve("tce-quantile:keep=0.9")
    assert adapter.fit(train, splits.validation, keep, None, stream("fit")).masked_share == pytest.approx(0.1, abs=0.01)
    assert adapter.fit(train, splits.validation, CrossEntropy(), None, stream("fit")).masked_share == 0


def test_weights_of_samples_count(adapter: GaussianMixtureAdapter, splits: Splits) -> None:
    pool = splits.train.take(slice(1000))
    right = (pool["x"][:, 0] > 0).double()
    only = adapter.fit(pool.weighted(right), splits.validation, CrossEntropy(), None, stream("fit")).model
    drawn = adapter.sample(only, Samples.real(x=pool["x"]), Sampling(), stream("sample"))
    assert float((drawn["x"][:, 0] > 0).double().mean()) > 0.9


@pytest.mark.parametrize(
    ("n", "components", "said"),
    [(4, 5, "5 components"), (2, 1, "at least 3"), (1_000_000, 5, "the training pool has 7000")],
)
def test_sizes_that_cannot_be_trained_are_refused(n: int, components: int, said: str, splits: Splits) -> None:
    with pytest.raises(UserError, match=said):
        GaussianMixtureAdapter(MixtureConfig(components=components)).check(n, splits)


DEVICES = ["cpu", "cuda"] if torch.cuda.is_available() else ["cpu"]


@pytest.mark.parametrize("available", [True, False])
def test_auto_takes_the_gpu_where_there_is_one(available: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: available)
    assert GaussianMixtureAdapter(MixtureConfig())._device().type == ("cuda" if available else "cpu")


def test_a_device_that_is_not_there_is_refused_before_anything_runs(splits: Splits, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    with pytest.raises(UserError, match="'cuda:0' is not available on this machine"):
        GaussianMixtureAdapter(MixtureConfig(device="cuda:0")).check(200, splits)
    with pytest.raises(ValidationError):
        MixtureConfig(device="gpu")


@pytest.mark.parametrize("device", DEVICES)
def test_models_and_samples_stay_on_the_cpu_wherever_em_runs(device: str, splits: Splits) -> None:
    adapter = GaussianMixtureAdapter(MixtureConfig(device=device))
    train = splits.train.take(slice(1000))
    here = adapter.fit(train, splits.validation, CrossEntropy(), None, stream("fit")).model
    anywhere = GaussianMixtureAdapter(MixtureConfig()).fit(train, splits.validation, CrossEntropy(), None, stream("fit")).model
    assert here.means.device.type == adapter.nll(here, splits.test).device.type == "cpu"
    torch.testing.assert_close(here.covariances, anywhere.covariances)


def test_a_sensible_size_passes(adapter: GaussianMixtureAdapter, splits: Splits) -> None:
    adapter.check(200, splits)
