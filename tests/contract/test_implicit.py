"""Models that can be sampled from but have no likelihood: what needs one is null or refused, and all else goes on."""

import math
from dataclasses import replace

import pytest
import torch
from gaussian_support import Gaussian, Memory, Model, chain

from fortifai import objectives
from fortifai.contract.modality import Likelihood
from fortifai.contract.samples import Samples
from fortifai.errors import BrokenAdapter, UserError
from fortifai.metrics import SHARED
from fortifai.objectives import Elements
from fortifai.recursion.models import Models
from fortifai.recursion.protocol import run_chain


class Implicit(Gaussian):
    """A Gaussian whose density is not told."""

    implicit = True

    def likelihood(self, model: Model, samples: Samples) -> Likelihood:
        nll, confidence = super().likelihood(model, samples)
        return Likelihood(torch.full_like(nll, math.nan), confidence)


class Telling(Gaussian):
    """Says that it has no likelihood, and returns one."""

    implicit = True


def test_a_chain_goes_on_and_what_needs_a_likelihood_is_null() -> None:
    likelihood, gap = SHARED
    measured = chain(adapter=Implicit())
    history = Memory()
    list(run_chain(replace(measured, metrics=(*measured.metrics, likelihood, gap)), history, 2))
    assert [record.status for record in history.records] == ["ok"] * 3
    for record in history.records:
        assert record.model_dump(mode="json")["metrics"]["nll"] is None
        assert math.isfinite(record.metrics["confidence_gap"])


def test_a_likelihood_where_none_is_declared_is_a_mistake() -> None:
    with pytest.raises(BrokenAdapter, match=r"Telling\.likelihood should return NaN as nll"):
        list(run_chain(chain(adapter=Telling()), Memory(), 1))


def test_an_objective_that_goes_by_likelihood_is_refused_and_one_that_goes_by_confidence_is_not() -> None:
    implicit = Elements(implicit=True)
    with pytest.raises(UserError, match=r"'tce-online' goes by a model's likelihood of its own samples"):
        objectives.resolve_for("tce-online", implicit)
    for name in ("ce", "tce:gamma=0.9", "tce-anchored", "focal"):
        assert objectives.resolve_for(name, implicit).name == name.partition(":")[0]


def test_a_strategy_that_goes_by_likelihood_is_refused() -> None:
    adapter = Implicit()
    models = Models(adapter, lambda: Model(0.0, 1.0), lambda: Model(0.0, 1.0))
    with pytest.raises(UserError, match="goes by the likelihood of samples"):
        models.log_likelihood(adapter.splits.test)
