"""Checks of where an adapter's random numbers come from."""

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pickle import dumps

import numpy as np
import torch

from fortifai.conformance.check import check, require
from fortifai.conformance.processes import in_fresh_process
from fortifai.conformance.subject import Subject, farthest, same_tensors
from fortifai.contract.samples import Samples


@check()
def same_stream_gives_the_same_numbers(subject: Subject) -> None:
    """The same samples, objective and stream give the same model, and that the same samples, to the last bit."""
    again = subject.fit().model
    test = subject.adapter.splits.test
    off = farthest(subject.nll(subject.model, test), subject.nll(again, test))
    require(off == 0, "the same fit from the same stream", f"a likelihood of held-out data that differs by up to {off:.3g} nats")
    same = same_tensors(subject.own.data, subject.sample(subject.model).data)
    require(same, "the same samples from the same stream", "other samples")


@check()
def different_streams_give_different_samples(subject: Subject) -> None:
    """Another stream gives other samples."""
    other = subject.sample(subject.model, draw="another")
    require(not same_tensors(subject.own.data, other.data), "other samples from another stream", "the same")


@check()
def other_calls_change_no_samples(subject: Subject) -> None:
    """What a model makes does not depend on what the adapter was asked in between."""
    before = subject.sample(subject.model)
    half = subject.training.take(slice(max(2, len(subject.training) // 2)))
    subject.sample(subject.fit(half, draw="another").model, half, draw="a third")
    subject.nll(subject.model, half)
    require(same_tensors(before.data, subject.sample(subject.model).data), "the same samples after other calls", "other samples")


@check()
def global_generators_are_not_used(subject: Subject) -> None:
    """The generators of torch, NumPy and Python decide nothing, and are left as they were."""
    with _kept_generators():
        made = []
        for seed in (1, 2):
            torch.manual_seed(seed)
            np.random.seed(seed)
            random.seed(seed)
            before = _states()
            made.append(_fit_and_sample(subject))
            moved = [name for name, state in _states().items() if state != before[name]]
            require(not moved, "global generators left as they were", f"a moved generator of {', '.join(moved)}")
    require(same_tensors(made[0].data, made[1].data), "samples that no global generator decides", "other samples")


@check()
def numbers_are_the_same_in_a_fresh_process(subject: Subject) -> None:
    """A fit and its samples are the same in another process as here."""
    there = in_fresh_process(subject).samples
    # Fitted anew: this process has seen other fits by now, and that one has not.
    here = subject.sample(subject.fit().model).fingerprint()
    require(here == there, "the same samples of the same fit in a fresh process", "other samples")


def _fit_and_sample(subject: Subject) -> Samples:
    return subject.sample(subject.fit().model)


def _states() -> dict[str, bytes]:
    states: dict[str, Callable[[], object]] = {
        "torch": lambda: torch.get_rng_state().tolist(),
        "NumPy": lambda: np.random.get_state(legacy=True),
        "Python": random.getstate,
    }
    return {name: dumps(state()) for name, state in states.items()}


@contextmanager
def _kept_generators() -> Iterator[None]:
    """Put the global generators back at the end."""
    of_torch, of_numpy, of_python = torch.get_rng_state(), np.random.get_state(), random.getstate()
    try:
        yield
    finally:
        torch.set_rng_state(of_torch)
        np.random.set_state(of_numpy)
        random.setstate(of_python)
