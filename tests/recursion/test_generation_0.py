"""Generation 0 is fitted once for all chains that would fit the same, and no number of any chain moves by that."""

import math
from dataclasses import dataclass, field

import pytest
import torch
from gaussian_support import Gaussian, Memory, Model, chain, metric, numbers

from fortifai.contract.modality import Likelihood
from fortifai.contract.samples import Samples
from fortifai.errors import Diverged
from fortifai.records.schema import GenerationRecord
from fortifai.recursion.generation_0 import Made
from fortifai.recursion.protocol import run_chain
from fortifai.recursion.strategies import Replace, Supply

CHAINS = [
    {"strategy": strategy, "objective": objective, "start": "warm"}
    for strategy in ("replace", "accumulate", "fresh-mix:k=5", "weighted:ratio=0.5", "control")
    for objective in ("ce", "tce-online", "tce-anchored:q=0.5")
]
"""Chains that begin alike: all of these objectives are cross entropy in generation 0."""


@dataclass
class Shelf:
    """Where the chains of a test share generation 0; it is read back as JSON, as from a file."""

    made: dict[tuple[str, str], Made[Model]] = field(default_factory=dict)
    found: int = 0

    def find(self, training: Samples, source: Samples) -> Made[Model] | None:
        made = self.made.get((training.fingerprint(), source.fingerprint()))
        if made is None:
            return None
        self.found += 1
        record = GenerationRecord.model_validate_json(made.record.model_dump_json())
        return Made(record.model_copy(update={"shared": "key"}), made.samples, made.model)

    def keep(self, made: Made[Model], training: Samples, source: Samples) -> None:
        if not self.made:
            self.made[training.fingerprint(), source.fingerprint()] = made


def run(shelf: Shelf | None, adapter: Gaussian, horizon: int = 3, **changes: object) -> Memory:
    history = Memory()
    list(run_chain(chain(adapter=adapter, **changes), history, horizon, shared=shelf))
    return history


def plain(history: Memory) -> list[dict[str, object]]:
    return [{key: value for key, value in record.items() if key != "shared"} for record in numbers(history.records)]


def test_no_number_of_any_chain_moves_and_generation_0_is_fitted_once():
    shelf, sharing = Shelf(), Gaussian()
    for changes in CHAINS:
        shared, alone = run(shelf, sharing, **changes), run(None, Gaussian(), **changes)
        assert plain(shared) == plain(alone)
        assert all(shared.made[g].fingerprint() == alone.made[g].fingerprint() for g in range(4))
        assert [record.shared for record in shared.records] == ["key", None, None, None]
        assert [record.shared for record in alone.records] == [None] * 4
    real_only = [call for call in sharing.calls if call.training.fingerprint() == sharing.calls[0].training.fingerprint()]
    assert len(real_only) == 1
    assert len(sharing.calls) == 1 + 3 * len(CHAINS)


def test_a_chain_notes_what_its_own_objective_wants():
    shelf = Shelf()
    notes = [set(run(shelf, Gaussian(), **changes).records[0].notes) for changes in CHAINS[:3]]
    assert notes[0] == set()
    assert "own_nll" in notes[1]
    assert notes[2] == {"anchor_0"}


def test_a_record_says_where_the_time_of_the_fit_is():
    shelf = Shelf()
    taken = [run(shelf, Gaussian(), 0).records[0] for _ in range(2)]
    assert [set(record.seconds) for record in taken] == [{"take"}, {"take"}]
    (made,) = shelf.made.values()
    assert set(made.record.seconds) == {"fit", "sample", "measure"}
    assert made.record.shared is None


class Half(Replace):
    """A strategy of somebody else's, which fits generation 0 to half of the real samples."""

    def compose(self, generation: int, supply: Supply, rng: torch.Generator) -> Samples:
        training = super().compose(generation, supply, rng)
        return training.take(slice(20)) if generation == 0 else training


@pytest.mark.parametrize("first", [Half(), Replace()])
def test_a_strategy_that_begins_otherwise_shares_nothing(first):
    shelf = Shelf()
    for strategy in (first, Half() if isinstance(first, Replace) and not isinstance(first, Half) else Replace()):
        shared, alone = run(shelf, Gaussian(), strategy=strategy), run(None, Gaussian(), strategy=strategy)
        assert plain(shared) == plain(alone)
    assert shared.records[0].shared is None


def test_a_generation_0_that_diverged_is_shared_too():
    def on_fit(number: int) -> None:
        raise Diverged("the variance is NaN")

    shelf, adapter = Shelf(), Gaussian(on_fit)
    for strategy in ("replace", "control"):
        (record,) = run(shelf, adapter, strategy=strategy).records
        assert (record.status, record.reason, record.metrics) == ("diverged", "the variance is NaN", {})
        assert plain(run(shelf, adapter, strategy=strategy)) == plain(run(None, Gaussian(on_fit), strategy=strategy))
    assert shelf.found == 4


class Unsure(Gaussian):
    """An adapter whose model is infinitely unsure of what it makes."""

    def likelihood(self, model: Model, samples: Samples) -> Likelihood:
        nll, confidence = super().likelihood(model, samples)
        return Likelihood(torch.where(samples.is_real(), nll, math.inf), confidence)


def test_only_the_chain_diverges_whose_objective_wants_what_is_not_finite():
    shelf, metrics = Shelf(), (metric("distance"), metric("variance"))
    histories = {name: run(shelf, Unsure(), objective=name, metrics=metrics) for name in ("tce-online", "ce")}
    (record,) = histories["tce-online"].records
    assert (record.status, record.reason) == ("diverged", "own_nll, which the objective goes by, is inf")
    assert (record.metrics, record.shared) == ({}, None)
    assert [record.status for record in histories["ce"].records] == ["ok"] * 4
    for name, history in histories.items():
        assert plain(history) == plain(run(None, Unsure(), objective=name, metrics=metrics))
