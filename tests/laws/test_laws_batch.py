"""A batch of chains is what its chains would be one by one."""

import pytest
import torch
from laws_support import CHAINS, Injected, adapter, column, models, real
from scipy.stats import ks_2samp

from fortifai.contract.samples import Splits
from fortifai.laws.experiments import GAUSSIAN, log_variance
from fortifai.laws.monte_carlo import Check, Experiment, follow
from fortifai.objectives import resolve

STRATEGIES = [
    "replace",
    "accumulate",
    "accumulate-subsample",
    "fresh-mix:k=5",
    "anchored:anchor=fresh",
    "anchored:anchor=fixed",
    "weighted:ratio=0.5",
    "control",
]
KINDS = ["gaussian", "categorical", "regression"]
OBJECTIVES = ["ce", "tce:gamma=0.8", "tce-quantile:keep=0.9", "tce-adaptive", "focal"]


def tensors(model):
    return list(vars(model).values())


def assert_same(batch, alone, kind, c):
    for one, other in zip(batch, alone, strict=True):
        for many, single in zip(tensors(one), tensors(other), strict=True):
            mine = many[c] if kind == "regression" or many.ndim == 1 else many[:, c]
            assert mine.shape == single.shape
            assert torch.allclose(mine, single, rtol=1e-9, atol=1e-12)


@pytest.fixture
def inject(monkeypatch):
    """Let every adapter draw from what was injected, whatever the number of chains."""

    def inject(only):
        injected = Injected(only)
        for kind in ("gaussian", "regression"):
            monkeypatch.setattr(f"fortifai.modalities.analytic.{kind}.noise", injected.draw)

        def classes(probabilities, shape, rng):
            uniform = injected.draw(shape, rng, uniform=True)
            return sum((uniform >= below).long() for below in probabilities.cumsum(0)[:-1])

        monkeypatch.setattr("fortifai.modalities.analytic.categorical._classes", classes)

    return inject


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_every_chain_of_a_batch_is_the_chain_alone(kind, strategy, inject):
    splits = real(kind, CHAINS)
    inject(None)
    batch = models(kind, splits, strategy=strategy)
    for c in range(CHAINS):
        inject(c)
        own = Splits(*(column(part, c) for part in (splits.train, splits.validation, splits.test)))
        assert_same(batch, models(kind, own, strategy=strategy), kind, c)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("objective", OBJECTIVES)
def test_an_objective_weighs_every_chain_of_a_batch_by_itself(kind, objective, inject):
    splits = real(kind, CHAINS)
    inject(None)
    batch = models(kind, splits, objective=objective, horizon=2)
    inject(2)
    own = Splits(*(column(part, 2) for part in (splits.train, splits.validation, splits.test)))
    assert_same(batch, models(kind, own, objective=objective, horizon=2), kind, 2)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_batch_of_one_is_the_chain_alone_bit_for_bit(kind, strategy):
    batch, alone = (models(kind, real(kind, chains), strategy=strategy) for chains in (1, None))
    for one, other in zip(batch, alone, strict=True):
        for many, single in zip(tensors(one), tensors(other), strict=True):
            assert torch.equal(many.reshape(single.shape), single)


def test_chains_of_a_batch_have_the_distribution_of_chains_that_run_one_by_one():
    experiment = Experiment(GAUSSIAN, 10, "replace", (Check(2, "", 8, log_variance, 0.0),))
    alone = torch.stack([log_variance(follow(experiment, None, seed)[-1]) for seed in range(200)])
    batch = log_variance(follow(experiment, 5_000, 1_000)[-1])
    assert ks_2samp(alone.numpy(), batch.numpy()).pvalue > 1e-3


def test_chains_of_a_batch_are_independent():
    experiment = Experiment(GAUSSIAN, 10, "anchored:real=0.5", (Check(4, "", 6, log_variance, 0.0),))
    found = torch.stack([log_variance(follow(experiment, 2, seed)[-1]) for seed in range(200)], dim=1)
    assert abs(float(torch.corrcoef(found)[0, 1])) < 0.25  # 3.5 standard errors


@pytest.mark.parametrize("kind", KINDS)
def test_cross_entropy_is_truncation_that_truncates_nothing(kind):
    splits = real(kind, CHAINS)
    for one, other in zip(models(kind, splits), models(kind, splits, objective="tce:gamma=1"), strict=True):
        assert all(torch.equal(*pair) for pair in zip(tensors(one), tensors(other), strict=True))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("chains", [None, 3])
def test_saving_and_loading_changes_no_bit(kind, chains, tmp_path):
    model = models(kind, real(kind, chains), horizon=0)[0]
    adapter(kind).save(model, tmp_path)
    back = adapter(kind).load_model(tmp_path)
    assert all(torch.equal(*pair) for pair in zip(tensors(model), tensors(back), strict=True))


def test_fits_agree_with_independent_implementations():
    import numpy as np

    splits = real("regression", None)
    x, y = splits.train["x"].numpy(), splits.train["y"].numpy()
    found = adapter("regression").fit(splits.train, splits.validation, resolve("ce"), None, torch.Generator())
    assert found.model.coefficients.numpy() == pytest.approx(np.linalg.lstsq(x, y, rcond=None)[0], rel=1e-9)
    splits = real("gaussian", None)
    found = adapter("gaussian").fit(splits.train, splits.validation, resolve("ce"), None, torch.Generator())
    x = splits.train["x"].numpy()
    assert (float(found.model.mean), float(found.model.variance)) == pytest.approx((x.mean(), x.var()), rel=1e-9)
