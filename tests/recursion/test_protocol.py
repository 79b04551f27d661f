"""The recursion of one chain, on a Gaussian that a test can follow: streams, resuming, records and divergence."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch
from gaussian_support import Gaussian, Memory, chain, metric, normal, numbers, run

from fortifai.contract.samples import Samples, Splits
from fortifai.errors import Diverged, UserError
from fortifai.metrics import SHARED
from fortifai.recursion.protocol import run_chain
from fortifai.recursion.strategies import Accumulate, Supply

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


def fail_at(number: int, error: Exception) -> Callable[[int], None]:
    def on_fit(fit: int) -> None:
        if fit == number:
            raise error

    return on_fit


# Numbers are a function of the chain


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_the_same_seed_gives_the_same_numbers_and_another_seed_others(strategy):
    first, again, other = (numbers(run(strategy=strategy, seed=seed).records) for seed in (3, 3, 4))
    assert first == again
    assert all(a["metrics"] != b["metrics"] for a, b in zip(first, other, strict=True))


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("start", ["warm", "scratch"])
def test_a_chain_stopped_after_any_generation_goes_on_to_the_same_numbers(strategy, start):
    changes = {"strategy": strategy, "start": start, "objective": "tce:gamma=0.95"}
    whole = run(**changes)
    assert len(whole.records) == 5
    for finished in range(6):
        resumed = run(history=whole.until(finished), **changes)
        assert numbers(resumed.records) == numbers(whole.records)
        assert all(resumed.made[g].fingerprint() == whole.made[g].fingerprint() for g in range(5))


def test_a_longer_horizon_extends_a_chain():
    assert numbers(run(6, history=run(2)).records) == numbers(run(6).records)


def test_a_chain_ends_with_the_last_generation_of_its_strategy():
    assert [r.generation for r in run(20, strategy="fresh-mix:k=3").records] == [0, 1, 2]


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_an_objective_that_masks_nothing_is_cross_entropy(strategy):
    assert numbers(run(strategy=strategy, objective="tce:gamma=1").records) == numbers(run(strategy=strategy).records)


@pytest.mark.parametrize("strategy", ["fresh-mix:k=5", "control", "weighted:ratio=0.5"])
def test_chains_of_one_seed_are_paired_whatever_the_objective(strategy):
    adapters = [Gaussian(), Gaussian()]
    runs = [
        run(adapter=adapter, strategy=strategy, objective=name)
        for adapter, name in zip(adapters, ("ce", "tce-quantile:keep=0.5"), strict=True)
    ]
    assert runs[1].records[0].masked_share == pytest.approx(0.5)
    for baseline, truncated in zip(*(adapter.calls for adapter in adapters), strict=True):
        real = [call.training["x"][call.training.is_real()] for call in (baseline, truncated)]
        assert torch.equal(*real)
    # The same noise too: what a generation made differs by its model's mean and scale alone.
    for g in range(5):
        noise = [(run.made[g]["x"] - run.models[g].mean) / math.sqrt(run.models[g].variance) for run in runs]
        assert torch.allclose(*noise, rtol=0, atol=1e-9)
        assert not torch.allclose(runs[0].made[g]["x"], runs[1].made[g]["x"], rtol=0, atol=1e-3)


class Spied(Accumulate):
    """Notes the first number of the stream of every training set that it composes."""

    drawn: ClassVar[list[float]] = []

    def compose(self, generation: int, supply: Supply, rng: torch.Generator) -> Samples:
        self.drawn.append(float(torch.rand((), generator=rng)))
        return super().compose(generation, supply, rng)


def test_every_purpose_generation_and_seed_has_a_stream_of_its_own():
    Spied.drawn.clear()
    adapter = Gaussian()
    for seed in range(3):
        run(adapter=adapter, strategy=Spied(), seed=seed)
    assert len(Spied.drawn) == 3 * 5
    assert len(adapter.drawn) == 3 * 5 * 2
    assert len({*Spied.drawn, *adapter.drawn}) == 3 * 5 * 3


def test_a_metric_may_read_the_first_model_whenever_the_chain_was_stopped():
    metrics = (metric("distance"), metric("variance"), metric("first_variance", reads=("first_model",)))
    whole = run(metrics=metrics)
    first = whole.records[0].metrics["variance"]
    assert {record.metrics["first_variance"] for record in whole.records} == {first}
    assert whole.records[4].metrics["variance"] != first
    for finished in range(1, 5):
        resumed = run(history=whole.until(finished), metrics=metrics)
        assert numbers(resumed.records) == numbers(whole.records)
    assert chain(metrics=metrics).reads_first_model
    assert not chain().reads_first_model


# What a fit gets, and what is recorded of it


def test_a_warm_start_gets_the_last_model_and_a_start_from_scratch_gets_none():
    warm, scratch = Gaussian(), Gaussian()
    models = run(adapter=warm, start="warm").models
    assert [call.init for call in warm.calls] == [None, *(models[g] for g in range(4))]
    run(adapter=scratch)
    assert [call.init for call in scratch.calls] == [None] * 5


def test_a_fit_may_keep_checkpoints_until_its_generation_is_recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    plain, folders = Gaussian.fit, []

    def fit(self, samples, objective, init, rng, checkpoints=None):
        assert not list(tmp_path.iterdir())  # those of the generation before are gone
        folders.append(checkpoints)
        if checkpoints is not None:
            checkpoints.mkdir()
        return plain(self, samples, objective, init, rng)

    monkeypatch.setattr(Gaussian, "fit", fit)
    list(run_chain(chain(), Memory(), 2, checkpoints=tmp_path))
    assert folders == [tmp_path / name for name in ("fit-00", "fit-01", "fit-02")]
    assert not list(tmp_path.iterdir())
    run(0)
    assert folders[-1] is None


def test_a_model_is_asked_once_for_its_own_and_once_for_real_samples_however_much_is_measured():
    adapter = Gaussian()
    run(adapter=adapter, metrics=(metric("distance"), *SHARED))
    assert adapter.likelihoods == 2 * 5 + 2, "and twice of generation 0, to see that its model is read back as it was saved"


def test_control_never_trains_on_synthetic_data():
    adapter = Gaussian()
    records = run(adapter=adapter, strategy="control").records
    assert all(call.training.is_real().all() for call in adapter.calls)
    assert [(r.training.real, r.training.synthetic) for r in records] == [(40, 0)] * 5


def test_records_say_how_the_training_data_was_made_up():
    def made_up(records: list[Any]) -> list[tuple[int, int, int]]:
        return [(r.training.size, r.training.real, r.training.synthetic) for r in records]

    assert made_up(run(strategy="accumulate").records) == [(40 * t, 40, 40 * (t - 1)) for t in range(1, 6)]
    assert made_up(run(strategy="anchored").records) == [(40, 40, 0)] + [(40, 10, 30)] * 4
    assert made_up(run(strategy="replace").records) == [(40, 40, 0)] + [(40, 0, 40)] * 4


def test_real_data_that_comes_again_is_recorded():
    adapter, seen = Gaussian(splits=Splits(normal(100), normal(10), normal(10))), set()
    records = run(strategy="control", adapter=adapter).records
    for record, call in zip(records, adapter.calls, strict=True):
        drawn = set(call.training["x"].tolist())
        assert record.training.reused == len(drawn & seen)
        seen |= drawn
    assert [r.training.reused for r in records[:2]] == [0, 0]
    assert records[4].training.reused > 0


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_at_most_n_samples_are_measured_however_many_are_made(strategy):
    adapter = Gaussian()
    history = run(adapter=adapter, strategy=strategy)
    assert [record.metrics["count"] for record in history.records] == [40] * 5
    assert max(len(made) for made in history.made.values()) == (200 if strategy == "fresh-mix:k=5" else 40)


def test_what_a_generation_made_is_stamped_and_kept_whole():
    history = run(strategy="fresh-mix:k=5")
    assert [len(history.made[g]) for g in range(5)] == [40, 80, 120, 160, 200]
    assert all((history.made[g].origin == g).all() for g in range(5))


def test_confidence_is_summarised_on_own_and_on_real_data():
    for record in run(1).records:
        assert set(record.confidence) == {"synthetic", "real"}
        for summary in record.confidence.values():
            assert list(summary) == ["mean", "q05", "q25", "q50", "q75", "q95", "histogram"]
            assert 0 <= summary["q05"] < summary["q50"] < summary["q95"] <= 1
            shares = torch.tensor(summary["histogram"], dtype=torch.float64)
            assert (len(shares), float(shares.sum())) == (20, pytest.approx(1))
            at_most_half = float(shares[:10].sum())
            assert (summary["q50"] < 0.5) == (at_most_half > 0.5)
            assert abs(float((shares * (torch.arange(20) + 0.5) / 20).sum()) - summary["mean"]) < 0.025
        assert set(record.seconds) == {"fit", "sample", "measure"}
        assert record.samples_per_second > 0
        assert record.peak_memory_bytes > 1_000_000


# Divergence and crashes


def test_training_that_diverges_ends_the_chain_with_its_reason():
    history = run(adapter=Gaussian(fail_at(2, Diverged("the variance is NaN"))))
    assert [(r.status, r.reason) for r in history.records] == [("ok", None)] * 2 + [("diverged", "the variance is NaN")]
    last = history.records[-1]
    assert (last.metrics, last.masked_share, last.samples_per_second) == ({}, None, None)
    assert last.training.synthetic == 40
    assert sorted(history.made) == [0, 1]


def test_a_diverged_chain_is_not_taken_up_again():
    history = run(adapter=Gaussian(fail_at(2, Diverged("gone"))))
    adapter = Gaussian()
    assert len(run(20, history=history, adapter=adapter).records) == 3
    assert adapter.calls == []


def test_a_fidelity_metric_that_is_not_a_number_is_a_divergence():
    history = run(metrics=(metric("nothing"), metric("distance")), fidelity_metric="nothing")
    assert [(r.status, r.reason) for r in history.records] == [("diverged", "nothing is nan")]
    assert history.made == {}


def test_another_metric_that_is_not_a_number_is_recorded_as_null():
    records = run(metrics=(metric("nothing"), metric("distance"))).records
    assert [r.status for r in records] == ["ok"] * 5
    assert all(r.metrics["nothing"] is None and r.metrics["distance"] >= 0 for r in records)


@pytest.mark.parametrize("error", [RuntimeError("a bug"), MemoryError("too large"), OSError(28, "disk full"), UserError("no")])
def test_a_crash_is_not_swallowed_and_leaves_what_was_done(error):
    history = Memory()
    with pytest.raises(type(error)) as caught:
        run(history=history, adapter=Gaussian(fail_at(3, error)))
    assert caught.value is error
    assert len(history.records) == 3
    assert numbers(run(history=history).records) == numbers(run().records)


def test_too_few_samples_for_a_metric_are_no_divergence():
    with pytest.raises(UserError, match="needs at least 41 samples, got 40"):
        run(metrics=(metric("distance", least_n=41),))
