"""Several sets of samples for every fit: what a generation makes, what the next one is given, and that nothing else changes."""

import pytest
import torch
from gaussian_support import Gaussian, Memory, numbers, run

from fortifai.contract.samples import REAL

N, DRAWS = 40, 3


class Renewing(Gaussian):
    """A Gaussian whose fits are given three sets."""

    @property
    def draws(self) -> int:
        return DRAWS


def history(strategy: str, adapter: Gaussian) -> Memory:
    return run(horizon=3, strategy=strategy, adapter=adapter)


def test_replace_is_given_as_many_sets_of_new_samples() -> None:
    adapter = Renewing()
    made = history("replace", adapter).made
    assert [len(call.training) for call in adapter.calls] == [N, DRAWS * N, DRAWS * N, DRAWS * N]
    for generation, call in enumerate(adapter.calls[1:]):
        assert torch.equal(call.training["x"], made[generation]["x"])
        assert len(call.training["x"].unique()) == DRAWS * N


@pytest.mark.parametrize(
    ("strategy", "real", "synthetic"),
    [
        ("fresh-mix:k=4", N, N),
        ("accumulate", N, N),
        ("anchored:real=0.25", N // 4, 3 * N // 4),
        ("weighted:ratio=0.5", N // 2, N),
    ],
)
def test_the_sets_share_their_real_samples_and_differ_in_the_others(strategy: str, real: int, synthetic: int) -> None:
    adapter = Renewing()
    first = history(strategy, adapter)
    training = adapter.calls[1].training
    sets = [training.take(slice(k * (real + synthetic), (k + 1) * (real + synthetic))) for k in range(DRAWS)]
    assert len(training) == DRAWS * (real + synthetic)
    made = set(first.made[0]["x"].tolist())
    drawn: list[float] = []
    for one in sets:
        assert int((one.origin == REAL).sum()) == real
        assert torch.equal(one["x"][one.is_real()], sets[0]["x"][sets[0].is_real()])
        drawn += one["x"][~one.is_real()].tolist()
    assert len(set(drawn)) == DRAWS * synthetic
    assert set(drawn) <= made
    record = first.records[1].training
    assert (record.size, record.real, record.synthetic) == (real + synthetic, real, synthetic)


def test_chains_of_real_data_alone_are_as_they_were() -> None:
    with_draws, without = (history("control", adapter) for adapter in (Renewing(), Gaussian()))
    assert numbers(with_draws.records) == numbers(without.records)
    assert all(len(samples) == N for samples in with_draws.made.values())


def test_the_first_set_is_what_a_chain_without_draws_has_and_n_are_measured() -> None:
    with_draws, without = (history("replace", adapter) for adapter in (Renewing(), Gaussian()))
    assert torch.equal(with_draws.made[0]["x"][:N], without.made[0]["x"])
    assert [record.metrics["count"] for record in with_draws.records] == [N] * 4


@pytest.mark.parametrize("strategy", ["replace", "accumulate", "fresh-mix:k=4"])
def test_a_chain_that_was_stopped_goes_on_to_the_same_numbers(strategy: str) -> None:
    whole = history(strategy, Renewing())
    for finished in range(1, 4):
        resumed = run(horizon=3, strategy=strategy, adapter=Renewing(), history=whole.until(finished))
        assert numbers(resumed.records) == numbers(whole.records)
