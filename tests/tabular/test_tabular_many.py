"""Many mixtures at once are what they would be one by one."""

import math
from copy import copy
from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import multivariate_normal
from sklearn.mixture import GaussianMixture as Reference
from torch import Tensor

from fortifai.config import Sampling
from fortifai.contract.declaration import modalities
from fortifai.contract.samples import Samples, Splits
from fortifai.errors import Diverged, UserError
from fortifai.laws.monte_carlo import Memory
from fortifai.metrics import find
from fortifai.modalities.tabular import em, many, many_em
from fortifai.modalities.tabular.adapter import GaussianMixtureAdapter
from fortifai.modalities.tabular.config import MixtureConfig, TableData
from fortifai.modalities.tabular.many import Mixtures
from fortifai.modalities.tabular.many_adapter import ManyMixturesAdapter
from fortifai.modalities.tabular.mixture import GaussianMixture
from fortifai.objectives import LeavingOut, resolve_for
from fortifai.randomness import seed_of, stream
from fortifai.recursion.chain import Chain
from fortifai.recursion.protocol import run_chain
from fortifai.recursion.strategies import resolve as strategy_of

CHAINS, N = 3, 60
CONFIG = MixtureConfig(components=3)
DATA = TableData(source="mixture-2d")
TABULAR = modalities.get("tabular")
OBJECTIVES = [
    "ce",
    "tce:gamma=0.4",
    "tce:gamma=0.3,unit=row",
    "tce:gamma=0.8,scale=relative",
    "tce:gamma=0.6,scale=relative,unit=row",
    "tce-anchored",
    "tce-anchored:unit=row,q=0.9",
    "tce-quantile:keep=0.9",
    "tce-adaptive:unit=row",
    "tce-reverse:keep=0.9",
    "focal:gamma=2,scale=relative",
]


@pytest.fixture(scope="module")
def adapter() -> ManyMixturesAdapter:
    return ManyMixturesAdapter(CONFIG, DATA, CHAINS)


def rows(adapter: ManyMixturesAdapter, n: int = N) -> Tensor:
    return adapter.splits.train["x"][:n]


def starts(x: Tensor, config: MixtureConfig = CONFIG) -> list[GaussianMixture]:
    return [em.k_means_start(own, own.new_ones(len(own)), config, c) for c, own in enumerate(x.unbind(1))]


def assert_same(batch: Mixtures, c: int, alone: GaussianMixture, rtol: float = 1e-7) -> None:
    for name, tensor in vars(alone).items():
        torch.testing.assert_close(getattr(batch, name)[c], tensor, rtol=rtol, atol=1e-9)


class Injected:
    """Draws that stand in for those of a stream: of a batch, or those that one chain of the batch gets."""

    def __init__(self, only: int | None) -> None:
        self._only = only

    def components(self, weights: Tensor, n: int, rng: torch.Generator) -> Tensor:
        uniform = self._draw(torch.rand, rng, CHAINS, n)
        return (uniform.unsqueeze(-1) > weights.cumsum(-1)[..., None, :-1]).sum(-1)

    def noise(self, shape: tuple[int, ...], rng: torch.Generator) -> Tensor:
        drawn = self._draw(torch.randn, rng, CHAINS, shape[0], shape[-1])
        return drawn if self._only is not None else drawn.transpose(0, 1)

    def draw(self, mixture: GaussianMixture, n: int, temperature: float, rng: torch.Generator) -> Tensor:
        """As `GaussianMixture.draw`."""
        component = self.components(mixture.weights, n, rng)
        noise = self.noise((n, mixture.means.shape[1]), rng)
        step = (mixture.factors()[component] @ noise.unsqueeze(-1)).squeeze(-1)
        return mixture.means[component] + math.sqrt(temperature) * step

    def _draw(self, make: Any, rng: torch.Generator, *shape: int) -> Tensor:
        seed = seed_of(rng.initial_seed(), int(torch.randint(2**31, (), generator=rng)))
        whole: Tensor = make(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
        return whole if self._only is None else whole[self._only]


@pytest.fixture
def inject(monkeypatch: pytest.MonkeyPatch) -> Any:
    k_means = em.k_means_start

    def inject(only: int | None) -> None:
        injected = Injected(only)
        monkeypatch.setattr(em, "k_means_start", lambda x, weight, config, seed: k_means(x, weight, config, 0))
        monkeypatch.setattr(many, "components", injected.components)
        monkeypatch.setattr(many, "noise", injected.noise)
        monkeypatch.setattr(
            GaussianMixture, "draw", lambda mixture, n, temperature, rng: injected.draw(mixture, n, temperature, rng)
        )

    return inject


def models(adapter: Any, objective: str = "ce", strategy: str = "replace", horizon: int = 2) -> list[Any]:
    """The models of every generation, through the protocol."""
    chain = Chain(
        adapter=adapter,
        sampling=Sampling(temperature=0.9),
        n=N,
        start="warm",
        metrics=(find(TABULAR, "nll"),),
        fidelity_metric="nll",
        strategy=strategy_of(strategy),
        objective=resolve_for(objective, TABULAR.elements),
        seed=5,
    )
    history: Memory[Any] = Memory(chain.strategy)
    assert [record.status for record in run_chain(chain, history, horizon)] == ["ok"] * (horizon + 1)
    return history.models


def assert_every_chain_is_the_chain_alone(adapter: ManyMixturesAdapter, inject: Any, **settings: Any) -> None:
    inject(None)
    batch = models(adapter, **settings)
    single = GaussianMixtureAdapter(CONFIG, DATA)
    for c in range(CHAINS):
        own = copy(single)
        own.splits = Splits(Samples.real(x=adapter.splits.train["x"][:, c]), single.splits.validation, single.splits.test)
        inject(c)
        for many_models, alone in zip(batch, models(own, **settings), strict=True):
            assert_same(many_models, c, alone, rtol=1e-6)


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_every_chain_of_a_batch_is_the_chain_alone(adapter: ManyMixturesAdapter, inject: Any, objective: str) -> None:
    assert_every_chain_is_the_chain_alone(adapter, inject, objective=objective)


@pytest.mark.parametrize("strategy", ["accumulate", "anchored:anchor=fresh", "weighted:ratio=0.5", "control"])
def test_a_strategy_composes_for_every_chain_what_it_would_alone(
    adapter: ManyMixturesAdapter, inject: Any, strategy: str
) -> None:
    assert_every_chain_is_the_chain_alone(adapter, inject, strategy=strategy)


@pytest.mark.parametrize("settings", [{}, {"max_iterations": 3}, {"tolerance": 1e-5}])
def test_a_chain_stops_where_it_would_alone_whatever_the_others_do(
    adapter: ManyMixturesAdapter, settings: dict[str, Any]
) -> None:
    config = CONFIG.model_copy(update=settings)
    x, objective = rows(adapter), resolve_for("tce:gamma=0.9,scale=relative", TABULAR.elements)
    weight = torch.linspace(0.5, 1.5, N, dtype=torch.float64)
    first = starts(x)
    batch = many_em.fit(x, weight, objective, Mixtures.stack(first), config)
    alone = [em.fit(x[:, c], weight, objective, first[c], config) for c in range(CHAINS)]
    assert batch.iterations.tolist() == [fitted.iterations for fitted in alone]
    assert batch.converged.tolist() == [fitted.converged for fitted in alone]
    assert len(set(batch.iterations.tolist())) > 1 or "max_iterations" in settings  # so that one has waited for another
    assert batch.masked_share.tolist() == pytest.approx([fitted.masked_share for fitted in alone], abs=1e-9)
    for c, fitted in enumerate(alone):
        assert_same(batch.mixtures, c, fitted.mixture)


@pytest.mark.filterwarnings("ignore:Best performing initialization did not converge")
def test_cross_entropy_agrees_with_scikit_learn_in_every_chain(adapter: ManyMixturesAdapter) -> None:
    x = rows(adapter, 200)
    first = starts(x)
    weight = torch.ones(200, dtype=torch.float64)
    fitted = many_em.fit(x, weight, resolve_for("ce", TABULAR.elements), Mixtures.stack(first), CONFIG).mixtures
    for c, start in enumerate(first):
        reference = Reference(
            CONFIG.components,
            tol=CONFIG.tolerance,
            max_iter=CONFIG.max_iterations,
            reg_covar=CONFIG.covariance_floor,
            weights_init=start.weights.numpy(),
            means_init=start.means.numpy(),
            precisions_init=torch.linalg.inv(start.covariances).numpy(),
        ).fit(x[:, c].numpy())
        for name, expected in (
            ("weights", reference.weights_),
            ("means", reference.means_),
            ("covariances", reference.covariances_),
        ):
            np.testing.assert_allclose(getattr(fitted, name)[c], expected, rtol=1e-6, atol=1e-8)


def random_mixtures(chains: int = 2, components: int = 3, columns: int = 3) -> Mixtures:
    rng = stream("mixtures")
    root = torch.randn(chains, components, columns, columns, dtype=torch.float64, generator=rng)
    weights = torch.rand(chains, components, dtype=torch.float64, generator=rng) + 0.2
    means = 2 * torch.randn(chains, components, columns, dtype=torch.float64, generator=rng)
    return Mixtures(weights / weights.sum(1, keepdim=True), means, root @ root.mT + 0.1 * torch.eye(columns))


def test_a_log_density_is_its_coefficients_times_the_monomials() -> None:
    mixtures, x = random_mixtures(), torch.randn(5, 2, 3, dtype=torch.float64, generator=stream("x"))
    coefficients, log_modes = mixtures.coefficients()
    log_density = coefficients @ many.monomials(x) + log_modes.unsqueeze(-1)
    for c in range(2):
        for k in range(3):
            expected = multivariate_normal(mixtures.means[c, k], mixtures.covariances[c, k]).logpdf(x[:, c])
            np.testing.assert_allclose(log_density[c, k], expected, rtol=1e-9)
    torch.testing.assert_close(log_modes, mixtures.log_modes())


def test_draws_have_every_chain_s_own_moments() -> None:
    mixtures, n = random_mixtures(), 40_000
    x = mixtures.draw(n, 0.5, stream("draw"))
    assert x.shape == (n, 2, 3)
    for c in range(2):
        mixture = mixtures.chain(c)
        mean = mixture.weights @ mixture.means
        between = (mixture.weights[:, None] * (mixture.means - mean)).T @ (mixture.means - mean)
        covariance = between + 0.5 * (mixture.weights[:, None, None] * mixture.covariances).sum(0)
        standard_error = (covariance.diagonal() / n).sqrt()
        assert bool(((x[:, c].mean(0) - mean).abs() < 5 * standard_error).all())
        torch.testing.assert_close(x[:, c].T.cov(), covariance, rtol=0.05, atol=0.05)
    assert abs(float(torch.corrcoef(x[:, :, 0].T)[0, 1])) < 5 / math.sqrt(n)


def test_a_saved_batch_comes_back_to_the_last_bit(adapter: ManyMixturesAdapter, tmp_path: Any) -> None:
    model = random_mixtures()
    adapter.save(model, tmp_path)
    assert all(torch.equal(tensor, vars(adapter.load_model(tmp_path))[name]) for name, tensor in vars(model).items())


def test_every_chain_has_an_order_of_its_own_of_the_same_pool(adapter: ManyMixturesAdapter) -> None:
    pool = GaussianMixtureAdapter(CONFIG, DATA).splits.train["x"]
    columns = adapter.splits.train["x"].unbind(1)
    assert all(torch.equal(own.sort(0).values, pool.sort(0).values) for own in columns)
    assert not any(torch.equal(own, pool) for own in columns)
    assert not torch.equal(columns[0], columns[1])


def test_what_depends_on_the_record_or_the_rows_of_one_chain_is_refused() -> None:
    by_record = LeavingOut.model_construct(share=0.1, unit="component")
    by_rows = resolve_for("decision:policy=newsvendor,ratio=0.9,column=0", TABULAR.elements)
    for objective in (by_record, by_rows):
        with pytest.raises(UserError, match="one by one"):
            many_em.require(objective, CHAINS)
    many_em.require(by_record, 1)


def test_no_chain_is_refused() -> None:
    with pytest.raises(UserError, match="at least one"):
        ManyMixturesAdapter(CONFIG, DATA, 0)


def test_a_chain_that_leaves_the_finite_numbers_is_named(adapter: ManyMixturesAdapter) -> None:
    x = rows(adapter).clone()
    first = Mixtures.stack(starts(x))
    x[7, 1] = math.inf
    with pytest.raises(Diverged, match="chain 1 "):
        many_em.fit(x, torch.ones(N, dtype=torch.float64), resolve_for("ce", TABULAR.elements), first, CONFIG)
