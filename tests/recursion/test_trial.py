"""A regime in miniature: how large its trials become, and that they end."""

import threading
import time
from dataclasses import replace

import pytest
import torch

from fortifai import objectives
from fortifai.config import Sampling
from fortifai.contract.declaration import modalities
from fortifai.modalities.tabular.adapter import GaussianMixtureAdapter
from fortifai.modalities.tabular.config import MixtureConfig, TableData
from fortifai.planning.suite import Regime
from fortifai.recursion import strategies
from fortifai.recursion.chain import Chain
from fortifai.recursion.trial import trials

METRICS = ("sliced_wasserstein", "nll")


class Passing(MixtureConfig):
    """A mixture whose iterations are told as passes."""

    def fit_passes(self, *, warm: bool) -> int:
        return self.max_iterations

    def with_fit_passes(self, passes: int) -> "Passing":
        return self.model_copy(update={"max_iterations": passes})


@pytest.fixture(scope="module")
def chain() -> Chain:
    regime = Regime(
        name="plain", modality="tabular", model=MixtureConfig(components=2), n=300, data=TableData(source="mixture-2d"),
        sampling=Sampling(), generations=3, metrics=METRICS, fidelity_metric=METRICS[0], objectives=("ce",),
        strategies=("replace", "control"), seconds_per_generation=1.0,
    )  # fmt: skip
    made = Chain(
        adapter=modalities.get("tabular").bind(regime.model, regime.data), sampling=Sampling(), n=300, start="scratch",
        metrics=tuple(map(regime.metric, METRICS)), fidelity_metric=METRICS[0], strategy=strategies.resolve("replace"),
        objective=objectives.resolve("ce"), seed=0,
    )  # fmt: skip
    trials(replace(made, n=40), 10.0)  # what libraries load at first is loaded now
    return made


def test_trials_grow_to_the_whole_size_where_there_is_time(chain):
    tried = trials(chain, 4.0)
    assert (tried[0].n, tried[-1].n) == (32, 300)
    assert all(trial.passes is None and trial.later_n == trial.n for trial in tried)
    assert all({"fit", "sample", "measure"} <= trial.later.keys() & trial.first.keys() for trial in tried)


def test_passes_are_few_at_first_and_the_adapter_keeps_its_own(chain, monkeypatch):
    config = Passing(components=2, max_iterations=40, tolerance=1e-9)
    monkeypatch.setattr(chain.adapter, "config", config)
    tried = trials(chain, 1.0)
    generations = [trial for trial in tried if "measure" in trial.later]
    assert {trial.passes for trial in generations} == {1}
    one, more = (trial for trial in tried if trial not in generations)
    assert (one.passes, one.n) == (1, more.n)
    assert 2 <= more.passes <= 40
    assert chain.adapter.config is config


def test_a_fit_that_does_not_end_is_given_up_and_nothing_is_left_behind(chain, monkeypatch):
    def forever(*arguments: object) -> None:
        while True:
            time.sleep(0.001)

    monkeypatch.setattr(GaussianMixtureAdapter, "fit", forever)
    threads, begun = torch.get_num_threads(), time.monotonic()
    assert trials(chain, 0.05) == []
    assert time.monotonic() - begun < 5
    assert torch.get_num_threads() == threads
    time.sleep(0.1)  # no alarm is left that would go off


def test_what_fails_is_left_to_the_run_to_tell(chain, monkeypatch):
    def broken(*arguments: object) -> None:
        raise RuntimeError("out of everything")

    monkeypatch.setattr(GaussianMixtureAdapter, "sample", broken)
    assert trials(chain, 1.0) == []


def test_beside_the_main_thread_where_there_is_no_alarm_nothing_is_tried(chain):
    found: list[object] = []
    thread = threading.Thread(target=lambda: found.append(trials(chain, 1.0)))
    thread.start()
    thread.join()
    assert found == [[]]
