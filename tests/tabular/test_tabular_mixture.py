"""The Gaussian mixture and its EM: against scikit-learn, against closed forms, and at the edges."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import multivariate_normal, norm
from sklearn.mixture import GaussianMixture as Reference
from torch import Tensor

from fortifai import objectives
from fortifai.errors import Diverged
from fortifai.modalities.tabular.config import MixtureConfig
from fortifai.modalities.tabular.em import Fitted, fit, k_means_start, objective_weights
from fortifai.modalities.tabular.mixture import GaussianMixture
from fortifai.randomness import stream


def two_clouds(n: int = 600, purpose: str = "two clouds") -> Tensor:
    rng = stream(purpose)
    x = torch.randn(n, 3, dtype=torch.float64, generator=rng)
    x[: n // 3] = x[: n // 3] * 0.5 + torch.tensor([2.0, -1.0, 1.0], dtype=torch.float64)
    x[:, 2] += 0.6 * x[:, 0]
    return x[torch.randperm(n, generator=rng)]


def start_for(x: Tensor, config: MixtureConfig) -> GaussianMixture:
    return k_means_start(x, x.new_ones(len(x)), config, seed=3)


def run(x: Tensor, objective: str = "ce", weight: Tensor | None = None, **settings: Any) -> Fitted:
    config = MixtureConfig(**({"components": 2, "covariance_floor": 0.0} | settings))
    weight = x.new_ones(len(x)) if weight is None else weight
    return fit(x, weight, objectives.resolve(objective), start_for(x, config), config)


def reference(x: Tensor, config: MixtureConfig) -> Reference:
    start = start_for(x, config)
    model = Reference(
        config.components,
        tol=config.tolerance,
        max_iter=config.max_iterations,
        reg_covar=config.covariance_floor,
        weights_init=start.weights.numpy(),
        means_init=start.means.numpy(),
        precisions_init=torch.linalg.inv(start.covariances).numpy(),
    )
    return model.fit(x.numpy())


def close(a: Any, b: Any, tolerance: float = 1e-6) -> None:
    np.testing.assert_allclose(np.asarray(a), np.asarray(b), rtol=tolerance, atol=tolerance)


@pytest.mark.filterwarnings("ignore:Best performing initialization did not converge")
@pytest.mark.parametrize("floor", [0.0, 1e-3])
@pytest.mark.parametrize("components", [1, 2, 4])
def test_cross_entropy_agrees_with_scikit_learn_from_the_same_start(components: int, floor: float) -> None:
    x, config = two_clouds(), MixtureConfig(components=components, tolerance=1e-6, covariance_floor=floor)
    fitted, expected = run(x, components=components, tolerance=1e-6, covariance_floor=floor), reference(x, config)
    close(fitted.mixture.weights, expected.weights_)
    close(fitted.mixture.means, expected.means_)
    close(fitted.mixture.covariances, expected.covariances_)
    assert fitted.iterations == expected.n_iter_
    assert fitted.converged == expected.converged_
    assert fitted.masked_share == 0


def test_the_likelihood_agrees_with_scikit_learn() -> None:
    x = two_clouds()
    close(
        run(x, tolerance=1e-6).mixture.log_joint(x)[0].logsumexp(1),
        reference(x, MixtureConfig(components=2, tolerance=1e-6, covariance_floor=0)).score_samples(x),
    )


def test_integer_weights_are_repetitions() -> None:
    x = two_clouds(300)
    times = torch.randint(0, 4, (len(x),), generator=stream("times"))
    config = MixtureConfig(components=2, covariance_floor=0)
    start, objective = start_for(x, config), objectives.resolve("tce-quantile:keep=0.9")
    weighted = fit(x, times.double(), objective, start, config)
    repeated = fit(x.repeat_interleave(times, dim=0), torch.ones(int(times.sum()), dtype=torch.float64), objective, start, config)
    close(weighted.mixture.covariances, repeated.mixture.covariances, 1e-9)
    close(weighted.mixture.means, repeated.mixture.means, 1e-9)
    close(weighted.masked_share, repeated.masked_share, 1e-9)


def test_the_scale_of_weights_does_not_matter() -> None:
    x = two_clouds()
    weight = torch.rand(len(x), dtype=torch.float64, generator=stream("weight"))
    close(run(x, weight=weight).mixture.covariances, run(x, weight=1e6 * weight).mixture.covariances, 1e-9)


@pytest.mark.parametrize("a", [0.1, 0.5, 1.0])
def test_truncation_inflates_the_variance_as_its_closed_form_says(a: float) -> None:
    # Fitting the tail |x| >= a of a Gaussian inflates its variance by eta(a); a quantile rule finds that a at any scale.
    x = torch.from_numpy(norm.ppf((np.arange(200_000) + 0.5) / 200_000))[:, None] * 3
    fitted = run(x, f"tce-quantile:keep={2 * norm.sf(a)}", components=1)
    eta = 1 + a * norm.pdf(a) / norm.sf(a)
    assert float(fitted.mixture.covariances) == pytest.approx(9 * eta, rel=2e-3)
    assert fitted.masked_share == pytest.approx(1 - 2 * norm.sf(a), rel=1e-3)
    assert float(fitted.mixture.means) == pytest.approx(0, abs=1e-9)


def test_a_fixed_threshold_on_the_relative_scale_masks_by_mahalanobis_distance() -> None:
    x = torch.from_numpy(norm.ppf((np.arange(200_000) + 0.5) / 200_000))[:, None]
    a = math.sqrt(-2 * math.log(0.9))
    # One M-step from the k-means start, which for one component is the plain maximum-likelihood fit.
    fitted = run(x, "tce:gamma=0.9,scale=relative", components=1, max_iterations=1)
    assert float(fitted.mixture.covariances) == pytest.approx(1 + a * norm.pdf(a) / norm.sf(a), rel=2e-3)
    assert fitted.masked_share == pytest.approx(1 - 2 * norm.sf(a), rel=1e-2)


@pytest.mark.parametrize(
    "objective", ["tce:gamma=1e9", "tce:gamma=1,scale=relative", "tce-quantile:keep=1", "focal:gamma=0,scale=relative"]
)
def test_an_objective_that_masks_nothing_is_cross_entropy(objective: str) -> None:
    x = two_clouds()
    assert torch.equal(run(x, objective).mixture.covariances, run(x).mixture.covariances)


def test_truncation_moves_covariances_but_not_means_and_weights_of_an_m_step() -> None:
    x = two_clouds()
    plain, cut = run(x, max_iterations=1).mixture, run(x, "tce-quantile:keep=0.8", max_iterations=1).mixture
    assert torch.equal(plain.means, cut.means)
    assert torch.equal(plain.weights, cut.weights)
    assert bool((torch.linalg.det(cut.covariances) > torch.linalg.det(plain.covariances)).all())


def test_every_component_keeps_its_own_share() -> None:
    x, config = two_clouds(), MixtureConfig(components=2)
    mixture = start_for(x, config)
    joint, squared = mixture.log_joint(x)
    responsibility = joint.softmax(1)
    quantile = objectives.resolve("tce-quantile:keep=0.9")
    kept = objective_weights(quantile, mixture, joint.logsumexp(1), squared, responsibility, responsibility)
    close((responsibility * kept).sum(0) / responsibility.sum(0), [0.9, 0.9], 0.01)


def test_focal_masks_nothing_and_widens() -> None:
    x = two_clouds()
    fitted = run(x, "focal:gamma=2,scale=relative")
    assert fitted.masked_share == 0
    assert torch.det(fitted.mixture.covariances[0]) > torch.det(run(x).mixture.covariances[0])


def test_adaptive_truncation_takes_its_threshold_from_the_level_of_confidence() -> None:
    assert 0.05 < run(two_clouds(), "tce-adaptive:alpha=1").masked_share < 0.6


def test_a_truncation_of_everything_keeps_the_last_covariances() -> None:
    x, config = two_clouds(), MixtureConfig(components=2)
    start = start_for(x, config)
    fitted = fit(x, x.new_ones(len(x)), objectives.resolve("tce:gamma=1e-300"), start, config)
    assert fitted.masked_share > 0.99
    assert bool(torch.isfinite(fitted.mixture.covariances).all())


def test_a_dead_component_stays_dead_and_does_no_harm() -> None:
    x = two_clouds()
    config = MixtureConfig(components=2)
    start = start_for(x, config)
    far = GaussianMixture(start.weights, start.means + torch.tensor([[0.0], [1e4]], dtype=torch.float64), start.covariances)
    fitted = fit(x, x.new_ones(len(x)), objectives.resolve("tce-quantile:keep=0.9"), far, config).mixture
    close(fitted.weights, [1, 0])
    assert bool(torch.isfinite(fitted.log_joint(x)[0].logsumexp(1)).all())
    assert bool(torch.isfinite(fitted.draw(100, 1.0, stream("dead"))).all())


def test_collapsed_data_is_fitted_down_to_the_floor() -> None:
    x = torch.ones(50, 3, dtype=torch.float64)
    fitted = run(x, "tce-quantile:keep=0.9", components=1, covariance_floor=1e-6)
    close(fitted.mixture.covariances[0], 1e-6 * np.eye(3), 1e-12)


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), 1e200])
def test_training_outside_the_finite_numbers_diverges_with_a_reason(bad: float) -> None:
    x, config = two_clouds(), MixtureConfig(components=2)
    start = start_for(x, config)
    x[5, 1] = bad
    with pytest.raises(Diverged, match=r"finite|likelihood|definite"):
        fit(x, x.new_ones(len(x)), objectives.resolve("ce"), start, config)


def test_a_start_from_data_outside_the_finite_numbers_diverges() -> None:
    x = two_clouds()
    x[5, 1] = float("nan")
    with pytest.raises(Diverged, match="training data is not finite"):
        start_for(x, MixtureConfig(components=2))


def test_a_covariance_that_is_no_covariance_diverges() -> None:
    model = GaussianMixture(torch.ones(1).double(), torch.zeros(1, 2).double(), -torch.eye(2).double()[None])
    with pytest.raises(Diverged, match="component 0 is no longer positive definite"):
        model.log_joint(torch.zeros(1, 2).double())


def test_the_mode_of_a_component_is_its_density_at_its_mean() -> None:
    model = run(two_clouds()).mixture
    peaks = [multivariate_normal(m, c).logpdf(m) for m, c in zip(model.means.numpy(), model.covariances.numpy(), strict=True)]
    close(model.log_modes(), peaks, 1e-9)


@pytest.mark.parametrize("factor", [0.5, 2.0])
def test_a_threshold_on_the_density_masks_what_lies_above_it_whatever_the_spread(factor: float) -> None:
    # At one spread the threshold masks 20 % of the samples; the relative scale would say so at every spread.
    x = factor * torch.from_numpy(norm.ppf((np.arange(20_000) + 0.5) / 20_000))[:, None]
    gamma = float(norm.pdf(norm.ppf(0.6)))
    fitted = run(x, f"tce:gamma={gamma!r}", components=1, max_iterations=1)
    radius = math.sqrt(max(0.0, -2 * math.log(gamma * factor * math.sqrt(2 * math.pi))))
    assert fitted.masked_share == pytest.approx(1 - 2 * norm.sf(radius), abs=1e-3)


def test_rows_are_masked_by_the_density_of_the_mixture_in_every_component_alike() -> None:
    x, config = two_clouds(), MixtureConfig(components=2)
    mixture = start_for(x, config)
    joint, squared = mixture.log_joint(x)
    density, responsibility = joint.logsumexp(1), joint.softmax(1)
    gamma = float(torch.exp(density / 3).quantile(0.8))
    objective = objectives.resolve(f"tce:gamma={gamma!r},unit=row")
    weights = objective_weights(objective, mixture, density, squared, responsibility, responsibility)
    assert torch.equal(weights, (density <= 3 * math.log(gamma)).double()[:, None].expand(-1, 2))
    assert float(weights.mean()) == pytest.approx(0.8, abs=0.01)


def test_each_component_is_held_to_its_own_anchor() -> None:
    # Twice as narrow a component masks what exceeds its own old mode; the other, which is as it was, masks nothing.
    x, config = two_clouds(), MixtureConfig(components=2)
    mixture = start_for(x, config)
    anchors = torch.exp(mixture.log_modes() / 3)
    narrow = GaussianMixture(
        mixture.weights, mixture.means, mixture.covariances * torch.tensor([0.25, 1.0]).double()[:, None, None]
    )
    joint, squared = narrow.log_joint(x)
    responsibility = joint.softmax(1)
    memory = objectives.Memory(anchors=tuple(anchors.tolist()))
    objective = objectives.resolve("tce-anchored").for_generation([memory])
    weights = objective_weights(objective, narrow, joint.logsumexp(1), squared, responsibility, responsibility)
    # -m^2 / 2 + ln |S_0|^(1/2) / |S|^(1/2) > 0, and the ratio of volumes is 2 in each of three columns.
    assert torch.equal(weights[:, 0], (squared[:, 0] >= 2 * 3 * math.log(2)).double())
    assert bool((weights[:, 1] == 1).all())


def test_temperature_multiplies_the_covariances_and_leaves_the_means() -> None:
    model = run(two_clouds(), components=1).mixture
    for temperature in (1.0, 0.25):
        drawn = model.draw(200_000, temperature, stream("draw"))
        close(np.cov(drawn.numpy().T), temperature * model.covariances[0].numpy(), 0.02)
        close(drawn.mean(0), model.means[0], 0.02)


def test_draws_have_the_density_of_the_model() -> None:
    model = run(two_clouds()).mixture
    drawn = model.draw(50_000, 1.0, stream("draw"))
    refitted = fit(drawn, drawn.new_ones(len(drawn)), objectives.resolve("ce"), model, MixtureConfig(components=2)).mixture
    close(refitted.weights, model.weights, 0.02)
    close(refitted.covariances, model.covariances, 0.08)
