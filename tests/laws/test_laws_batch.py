"""A batch of chains is what its chains would be one by one."""

import numpy as np
import pytest
import torch
from laws_support import CHAINS, Injected, adapter_of, alone, models
from scipy.stats import ks_2samp, norm

from fortifai.errors import UserError
from fortifai.laws.experiments import GAUSSIAN, log_variance
from fortifai.laws.monte_carlo import Check, Experiment, run_batch
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


def assert_same(of_batch, of_chain, kind, c):
    for batch, chain in zip(of_batch, of_chain, strict=True):
        for many, single in zip(tensors(batch), tensors(chain), strict=True):
            one_of_many = many[c] if kind == "regression" or many.ndim == 1 else many[:, c]
            assert one_of_many.shape == single.shape
            assert torch.allclose(one_of_many, single, rtol=1e-9, atol=1e-12)


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
    adapter = adapter_of(kind, CHAINS)
    inject(None)
    batch = models(kind, adapter, strategy=strategy)
    for c in range(CHAINS):
        inject(c)
        assert_same(batch, models(kind, alone(adapter, c), strategy=strategy), kind, c)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("objective", OBJECTIVES)
def test_an_objective_weighs_every_chain_of_a_batch_by_itself(kind, objective, inject):
    adapter = adapter_of(kind, CHAINS)
    inject(None)
    batch = models(kind, adapter, objective=objective, horizon=2)
    inject(2)
    assert_same(batch, models(kind, alone(adapter, 2), objective=objective, horizon=2), kind, 2)


@pytest.mark.parametrize("objective", ["tce:gamma=0.3", "tce:gamma=0.8,scale=relative", "tce-anchored", "tce-reverse"])
def test_a_gaussian_that_the_last_model_judges_does_so_chain_by_chain(objective, inject):
    adapter, settings = adapter_of("gaussian", CHAINS), {"objective": objective, "start": "warm", "temperature": 0.8}
    inject(None)
    batch = models("gaussian", adapter, **settings)
    for c in range(CHAINS):
        inject(c)
        assert_same(batch, models("gaussian", alone(adapter, c), **settings), "gaussian", c)


@pytest.mark.parametrize("kind", ["categorical", "regression"])
def test_anchors_of_a_batch_whose_record_is_of_one_chain_are_refused(kind):
    with pytest.raises(UserError, match="one by one"):
        models(kind, adapter_of(kind, CHAINS), objective="tce-anchored")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_batch_of_one_is_the_chain_alone_bit_for_bit(kind, strategy):
    of_batch, of_chain = (models(kind, adapter_of(kind, chains), strategy=strategy) for chains in (1, None))
    for batch, chain in zip(of_batch, of_chain, strict=True):
        for many, single in zip(tensors(batch), tensors(chain), strict=True):
            assert torch.equal(many.reshape(single.shape), single)


def test_chains_of_a_batch_have_the_distribution_of_chains_that_run_one_by_one():
    experiment = Experiment(GAUSSIAN, 10, "replace", (Check(2, "", 8, log_variance, 0.0),))
    one_by_one = torch.stack([log_variance(run_batch(experiment, None, seed)) for seed in range(200)])
    together = log_variance(run_batch(experiment, 5_000, 1_000))
    assert ks_2samp(one_by_one.numpy(), together.numpy()).pvalue > 1e-3


def test_chains_of_a_batch_are_independent():
    experiment = Experiment(GAUSSIAN, 10, "anchored:real=0.5", (Check(4, "", 6, log_variance, 0.0),))
    pairs = torch.stack([log_variance(run_batch(experiment, 2, seed)) for seed in range(200)], dim=1)
    assert abs(float(torch.corrcoef(pairs)[0, 1])) < 0.25  # 3.5 standard errors


@pytest.mark.parametrize("kind", KINDS)
def test_cross_entropy_is_truncation_that_truncates_nothing(kind):
    adapter = adapter_of(kind, CHAINS)
    for plain, truncated in zip(models(kind, adapter), models(kind, adapter, objective="tce:gamma=1"), strict=True):
        assert all(torch.equal(*pair) for pair in zip(tensors(plain), tensors(truncated), strict=True))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("chains", [None, 3])
def test_saving_and_loading_changes_no_bit(kind, chains, tmp_path):
    adapter = adapter_of(kind, chains)
    model = models(kind, adapter, horizon=0)[0]
    adapter.save(model, tmp_path)
    loaded = adapter.load_model(tmp_path)
    assert all(torch.equal(*pair) for pair in zip(tensors(model), tensors(loaded), strict=True))
    assert sum(file.stat().st_size for file in tmp_path.iterdir()) <= adapter.model_bytes()


def test_a_regression_agrees_with_numpy():
    adapter = adapter_of("regression", None)
    fitted = adapter.fit(adapter.splits.train, resolve("ce"), None, torch.Generator()).model
    x, y = (adapter.splits.train[name].numpy() for name in ("x", "y"))
    assert fitted.coefficients.numpy() == pytest.approx(np.linalg.lstsq(x, y, rcond=None)[0], rel=1e-9)


@pytest.mark.parametrize("start", ["warm", "scratch"])
def test_a_gaussian_left_without_any_sample_keeps_the_variance_that_judged_it(start):
    adapter = adapter_of("gaussian", None)
    last = adapter.fit(adapter.splits.validation, resolve("ce"), None, torch.Generator()).model
    plain = adapter.fit(adapter.splits.train, resolve("ce"), None, torch.Generator()).model
    fit = adapter.fit(adapter.splits.train, resolve("tce:gamma=1e-300"), last if start == "warm" else None, torch.Generator())
    assert fit.masked_share == 1
    assert torch.equal(fit.model.variance, last.variance if start == "warm" else plain.variance)
    assert torch.equal(fit.model.mean, plain.mean)


def test_on_the_absolute_scale_a_gaussian_is_cut_by_its_density_and_on_the_relative_one_by_its_distance():
    adapter = adapter_of("gaussian", None)
    x, last = adapter.splits.train["x"].numpy(), adapter.fit(adapter.splits.test, resolve("ce"), None, torch.Generator()).model
    density = norm.pdf(x, last.mean, last.variance.sqrt())
    for objective, kept in [
        ("tce:gamma=0.3", density <= 0.3),
        ("tce:gamma=0.9,scale=relative", density <= 0.9 * norm.pdf(0, 0, last.variance.sqrt())),
    ]:
        fit = adapter.fit(adapter.splits.train, resolve(objective), last, torch.Generator())
        assert fit.masked_share == pytest.approx(1 - kept.mean(), abs=1e-12)
        assert float(fit.model.variance) == pytest.approx(((x - x.mean()) ** 2)[kept].mean(), rel=1e-9)


def test_a_gaussian_agrees_with_numpy():
    adapter = adapter_of("gaussian", None)
    fitted = adapter.fit(adapter.splits.train, resolve("ce"), None, torch.Generator()).model
    x = adapter.splits.train["x"].numpy()
    assert (float(fitted.mean), float(fitted.variance)) == pytest.approx((x.mean(), x.var()), rel=1e-9)


@pytest.mark.parametrize("kind", KINDS)
def test_the_likelihood_of_a_batch_is_that_of_its_first_chain(kind):
    batch = adapter_of(kind, CHAINS)
    first = alone(batch, 0)
    of_batch, of_first = (
        adapter.likelihood(adapter.fit(adapter.splits.train, resolve("ce"), None, torch.Generator()).model, adapter.splits.test)
        for adapter in (batch, first)
    )
    for many, single in zip(of_batch, of_first, strict=True):
        assert many.shape == single.shape == (len(first.splits.test),)
        torch.testing.assert_close(many, single)


@pytest.mark.parametrize(
    ("kind", "densities"),
    [
        ("gaussian", lambda model, data: norm.pdf(data["x"], model.mean, model.variance.sqrt())),
        ("categorical", lambda model, data: model.probabilities.numpy()[data["x"]]),
        ("regression", lambda model, data: norm.pdf(data["y"], data["x"] @ model.coefficients, 1)),
    ],
)
def test_the_likelihood_is_that_of_an_independent_implementation(kind, densities):
    adapter = adapter_of(kind, None)
    model = adapter.fit(adapter.splits.train, resolve("ce"), None, torch.Generator()).model
    nll, confidence = adapter.likelihood(model, adapter.splits.test)
    density = densities(model, adapter.splits.test)
    assert nll.numpy() == pytest.approx(-np.log(density), rel=1e-9)
    mode = {
        "gaussian": lambda: 1.0,  # the density itself: its variance is fitted, so that its mode moves with the model
        "categorical": lambda: 1.0,
        "regression": lambda: norm.pdf(0),
    }
    assert confidence.numpy() == pytest.approx(density / mode[kind](), rel=1e-9)
