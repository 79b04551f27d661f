"""One generation as a metric sees it: what is computed once, for how long it is kept, and what must be declared."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from gaussian_support import SPLITS, Gaussian, Inputs, Model, normal


def inputs(**changes: Any) -> Inputs:
    fields: dict[str, Any] = {"adapter": Gaussian(), "synthetic": normal(30), "fitted": Model(0.0, 1.0)}
    return Inputs(**(fields | changes))


def counting() -> Callable[[], int]:
    calls: list[None] = []

    def count() -> int:
        calls.append(None)
        return len(calls)

    return count


def test_real_data_is_that_of_the_adapter():
    generation = inputs()
    assert generation.splits is SPLITS
    assert generation.real is SPLITS.test


def test_what_real_data_alone_decides_is_computed_once_a_chain():
    cache: dict[str, Any] = {}
    first, second, count = inputs(cache=cache), inputs(cache=cache), counting()
    assert [generation.once("key", count) for generation in (first, first, second)] == [1, 1, 1]
    assert first.once("other", count) == 2
    assert inputs().once("key", count) == 3


def test_what_several_metrics_read_is_computed_once_a_generation():
    cache: dict[str, Any] = {}
    first, second, count = inputs(cache=cache), inputs(cache=cache), counting()
    assert [generation.shared("key", count) for generation in (first, first, second)] == [1, 1, 2]


def test_likelihood_and_confidence_of_a_part_come_from_one_pass():
    generation = inputs()
    own, real = generation.nll("synthetic"), generation.nll("real")
    assert len(own) == 30
    assert len(real) == len(SPLITS.test)
    assert len(generation.confidence("synthetic")) == 30
    assert generation.nll("synthetic") is own
    assert len(generation.confidence("real")) == len(SPLITS.test)
    assert generation.adapter.likelihoods == 2


def test_the_first_model_is_loaded_once_a_chain():
    cache: dict[str, Any] = {}
    count = counting()
    generations = [inputs(cache=cache, first=lambda: Model(0.0, float(count()))) for _ in range(3)]
    assert [generation.first_model.variance for generation in generations] == [1, 1, 1]


def test_a_metric_that_reads_an_undeclared_model_is_told_what_to_declare():
    with pytest.raises(ValueError, match="declares 'model' in reads"):
        _ = inputs(fitted=None).model
    with pytest.raises(ValueError, match="declares 'first_model' in reads"):
        _ = inputs().first_model


def test_a_metric_draws_the_same_numbers_every_time_and_others_than_its_neighbour():
    generation = inputs()
    first, again, other = (torch.rand(4, generator=generation.stream(name)) for name in ("a", "a", "b"))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
