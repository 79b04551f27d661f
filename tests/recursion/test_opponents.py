"""What others do against collapse: what each strategy composes, of what, at what cost, and where it cannot be run."""

import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from runner_support import numbers, write_suite

import fortifai
from fortifai.contract.modality import Likelihood
from fortifai.contract.parameters import weighted_sum
from fortifai.contract.samples import Samples
from fortifai.errors import Diverged, UserError
from fortifai.modalities.analytic.config import AnalyticData, GaussianConfig
from fortifai.modalities.analytic.gaussian import Gaussian, GaussianAdapter
from fortifai.modalities.tabular.mixture import GaussianMixture, combined
from fortifai.opponents.sims import Sims
from fortifai.randomness import stream
from fortifai.recursion import strategies
from fortifai.recursion.models import Models
from fortifai.recursion.strategies import Supply

N = 6


def gaussian(mean: float, sd: float) -> Gaussian:
    return Gaussian(torch.tensor(mean).double(), torch.tensor(sd**2).double())


@pytest.fixture
def models() -> Models[Gaussian]:
    """The last model is half as wide as the first, which is the truth."""
    adapter = GaussianAdapter(GaussianConfig(), AnalyticData())
    return Models(adapter, lambda: gaussian(0, 0.5), lambda: gaussian(0, 1))


def supply(models: Models[Any], made: torch.Tensor) -> Supply:
    real = Samples.real(x=torch.linspace(-3, 3, N).double())
    return Supply(N, lambda generation: real, lambda generation: Samples.synthetic({"x": made.double()}, generation), models)


def test_select_keeps_the_likeliest_or_the_least_likely_in_the_order_they_were_made_in(models: Models[Gaussian]) -> None:
    made = torch.tensor([3.0, 0.1, -2.0, 0.2, 5.0, -0.3, 4.0, 0.0, 1.0, -6.0, 0.4, 7.0])
    for keep, expected in (("top", [0.1, 0.2, -0.3, 0.0, 1.0, 0.4]), ("bottom", [3.0, -2.0, 5.0, 4.0, -6.0, 7.0])):
        strategy = strategies.resolve(f"select:keep={keep}")
        kept = strategy.mix(3, supply(models, made), stream(0, "compose", 3))
        assert kept["x"].tolist() == pytest.approx(expected)
        assert set(kept.origin.tolist()) == {2}
    assert models.scored == 2 * len(made)
    assert strategy.makes(N, 3) == 2 * N == len(strategy.source(kept, supply(models, made)))
    rows = supply(models, made)
    random = {tuple(strategies.resolve("select:by=random").mix(1, rows, stream(seed, "x"))["x"].tolist()) for seed in range(9)}
    assert len(random) > 1
    assert models.scored == 2 * len(made), "chance asks no model"


def test_select_by_generation_0_ranks_by_what_it_knew(models: Models[Gaussian]) -> None:
    """Of a bimodal last model the likeliest are not those of the first."""
    models.last = lambda: gaussian(4, 0.5)
    made = torch.tensor([4.0, 4.1, 3.9, 4.2, 3.8, 4.3, 0.0, 0.1, -0.1, 0.2, -0.2, 0.3])
    by_last = strategies.resolve("select").mix(1, supply(models, made), stream(0, "x"))["x"]
    by_first = strategies.resolve("select:by=first").mix(1, supply(models, made), stream(0, "x"))["x"]
    assert by_last.min() > 3
    assert by_first.max() < 1
    assert strategies.resolve("select:by=first").asks == {"first", "likelihood"}
    assert strategies.resolve("select").asks == {"likelihood"}
    assert strategies.resolve("select:by=random").asks == frozenset()


@pytest.mark.parametrize("bias", [1.0, 3.0])
def test_the_detector_weighs_by_the_ratio_of_densities_to_a_power(models: Models[Gaussian], bias: float) -> None:
    made = torch.linspace(-2, 2, 9).double()
    weights = strategies.resolve(f"detector:bias={bias}").mix(1, supply(models, made), stream(0, "x")).weights()
    density = {sd: torch.exp(-(made**2) / 2 / sd**2) / sd for sd in (0.5, 1.0)}
    real = (density[1.0] / (density[1.0] + density[0.5])) ** bias
    assert torch.allclose(weights, real / real.sum() * len(made))
    assert weights[0] > weights[4], "what the narrow model would hardly make counts more"


def test_neon_goes_away_from_the_model_that_was_fitted_to_own_samples(models: Models[Gaussian]) -> None:
    fitted = gaussian(1.0, 0.4)
    beyond = strategies.resolve("neon:w=0.5").after_fit(fitted, models)
    assert float(beyond.mean) == pytest.approx(1.5 * 0 - 0.5 * 1.0)
    assert float(beyond.variance) == pytest.approx(1.5 * 0.25 - 0.5 * 0.16)
    first = strategies.resolve("neon:reference=first,w=0.5").after_fit(fitted, models)
    assert float(first.variance) == pytest.approx(1.5 * 1 - 0.5 * 0.16)
    with pytest.raises(Diverged, match="not finite"):
        weighted_sum(models.adapter, [gaussian(math.inf, 1), fitted], [2, -1])


def test_an_extrapolated_mixture_is_a_mixture() -> None:
    rng = torch.Generator().manual_seed(0)

    def mixture(scale: float) -> GaussianMixture:
        roots = torch.randn(3, 2, 2, generator=rng, dtype=torch.float64)
        weights = torch.rand(3, generator=rng, dtype=torch.float64)
        return GaussianMixture(weights / weights.sum(), roots[:, 0], scale * roots @ roots.mT + 0.01 * torch.eye(2))

    one, other = mixture(1.0), mixture(9.0)
    same = combined([one, other], [1.0, 0.0])
    for name in ("weights", "means", "covariances"):
        assert torch.allclose(getattr(same, name), getattr(one, name))
    far = combined([one, other], [4.0, -3.0])
    assert float(far.weights.sum()) == pytest.approx(1)
    assert bool((far.weights > 0).all())
    assert bool((torch.linalg.eigvalsh(far.covariances) > 0).all())
    with pytest.raises(Diverged):
        combined([one, GaussianMixture(one.weights, one.means, one.covariances * math.nan)], [2.0, -1.0])
    with pytest.raises(Diverged):
        combined([one, other], [1e6, 1 - 1e6])
    scaled = GaussianMixture(one.weights, one.means, 4 * one.covariances)
    assert torch.allclose(combined([one, scaled], [2.0, -1.0]).covariances, one.covariances / 4)


def test_the_weight_of_real_data_that_is_best_depends_on_how_much_there_is() -> None:
    for ratio in (0.5, 1.0, 2.0):
        strategy = strategies.resolve(f"weighted:ratio={ratio},real=auto")
        made = Samples.synthetic({"x": torch.zeros(8)}, 0)
        real = Samples.real(x=torch.zeros(round(8 * ratio)))
        mixed = strategy.mix(1, Supply(8, lambda generation, real=real: real, lambda generation, made=made: made), stream(0, "x"))
        share = float(mixed.weights()[mixed.is_real()].sum() / mixed.weights().sum())
        assert share == pytest.approx((math.sqrt(ratio**2 + 4 * ratio) - ratio) / 2)
    assert strategies.resolve("weighted").canonical == "weighted:ratio=1,real=0.618"
    with pytest.raises(UserError, match="real"):
        strategies.resolve("weighted:real=most")


def test_a_redrawn_element_is_one_that_the_model_was_sure_of() -> None:
    class Typist:
        """Sure of even numbers; redraws everything that it is told to as -1."""

        def likelihood(self, model: object, samples: Samples) -> Likelihood:
            sure = (samples["t"] % 2 == 0).double()
            return Likelihood(1 - sure, sure)

        def redraw(self, model: object, samples: Samples, chosen: torch.Tensor, rng: object) -> dict[str, torch.Tensor]:
            return {"t": torch.where(chosen, -1, samples["t"])}

    models = Models(Typist(), lambda: None, lambda: None)  # type: ignore[arg-type]
    real = Samples.real(t=torch.tensor([[1, 2], [3, 4]]))
    edited = strategies.resolve("edit:p=0.9").mix(
        3, Supply(2, lambda generation: real, lambda generation: real, models), stream(0, "x")
    )
    assert edited["t"].tolist() == [[1, -1], [3, -1]]
    assert edited.origin.tolist() == [2, 2]


def test_guidance_is_away_from_the_model_that_was_fitted(models: Models[Gaussian]) -> None:
    class Guided:
        def guided(self, model: object, away_from: object, scale: float) -> object:
            return model, away_from, scale

    models.adapter = Guided()  # type: ignore[assignment]
    assert Sims(w=2.0).to_sample("fitted", Models(models.adapter, lambda: "last", lambda: "first")) == ("last", "fitted", 2.0)  # type: ignore[type-var]


def run(suite: Path, out: Path, *names: str, **options: Any) -> Path:
    choice: dict[str, Any] = {"strategies": names, "seeds": 1, "quiet": True, "executor": "in-process", "generations": 2}
    return fortifai.run(suite, out, **(choice | options)).path


def test_they_run_resume_to_the_same_numbers_and_tell_what_they_cost(tmp_path: Path) -> None:
    suite = write_suite(tmp_path, objectives=("ce",))
    names = ("select:by=first,make=3", "select:keep=bottom", "detector", "neon", "neon:reference=first", "weighted:real=auto")
    whole = run(suite, tmp_path / "whole", *names)
    run(suite, tmp_path / "parts", *names, generations=1)
    parts = run(suite, tmp_path / "parts", *names)
    assert numbers(whole) == numbers(parts)
    costs = {}
    for chain in whole.glob("*/chain.json"):
        last = json.loads((chain.parent / "generations.jsonl").read_text().splitlines()[-1])
        notes = {name: last["notes"].get(name) for name in ("made_samples", "scored_samples")}
        costs[json.loads(chain.read_text())["strategy"]] = (*notes.values(), "compose" in last["seconds"])
    assert costs == {
        "select:by=first,keep=top,make=3": (120, 120, True),
        "select:by=likelihood,keep=bottom,make=2": (80, 80, True),
        "detector:bias=1": (None, 80, True),
        "neon:reference=last,w=0.5": (None, None, False),
        "neon:reference=first,w=0.5": (None, None, False),
        "weighted:ratio=1,real=auto": (None, None, False),
    }


@pytest.mark.parametrize(
    ("strategy", "message"),
    [
        (
            "select:by=verifier",
            r"strategy 'select:by=verifier,keep=top,make=2' cannot be run in modality 'tabular', which has no verifier",
        ),
        ("edit", "has no way to draw single elements anew"),
        ("sims", "has no guidance in sampling"),
    ],
)
def test_what_a_modality_cannot_answer_is_refused_before_anything_is_written(tmp_path: Path, strategy: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        run(write_suite(tmp_path), tmp_path / "out", strategy)
    assert not (tmp_path / "out").exists()


def test_parameters_of_models_from_scratch_are_not_compared(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"strategy 'neon:.*start from one another: set start = .warm."):
        run(write_suite(tmp_path), tmp_path / "out", "neon", settings=["start=scratch"])
