"""Checks that a fit respects the weights of samples."""

import torch
from torch import Tensor

from fortifai.conformance.check import NotApplicable, check, require
from fortifai.conformance.objectives import MOVED
from fortifai.conformance.subject import Subject, farthest
from fortifai.contract.samples import Samples
from fortifai.randomness import stream

LIGHT = 1e-3
"""The weight of the half that hardly counts."""

EXACT = 1e-6
"""Nats by which two fits may differ that are one but for rounding."""


@check()
def weights_of_samples_count(subject: Subject) -> None:
    """A model that one half of the samples weighs in knows that half better, beside a model of the other half."""
    training, low = subject.training, _lower_half(subject.training)
    weigh_low, weigh_high = (subject.fit(training.weighted(torch.where(half, 1.0, LIGHT).double())).model for half in (low, ~low))
    gain = 0.0
    for half, friend, stranger in ((low, weigh_low, weigh_high), (~low, weigh_high, weigh_low)):
        known, unknown = (subject.nll(model, training.take(half)).double().mean() for model in (friend, stranger))
        gain += float(unknown - known)
    require(gain > MOVED, "samples that are likelier where they weighed", f"a gain of {gain:.3g} nats")


@check()
def doubled_weights_are_doubled_rows(subject: Subject) -> None:
    """A sample of weight 2 counts as much as two of it, and equal weights as much as none."""
    training, test, start = subject.training, subject.adapter.splits.test, subject.model
    order = torch.randperm(len(training), generator=stream("conformance", "order"))
    plain = subject.nll(subject.fit(init=start).model, test)
    shuffled = subject.fit(training.take(order), init=start, draw="another").model
    if farthest(plain, subject.nll(shuffled, test)) > EXACT:
        raise NotApplicable("the fit depends on the order of the samples, as of batches: two of one do not come together")
    low = _lower_half(training)
    weighted = subject.fit(training.weighted(1.0 + low.double()), init=start).model
    doubled = subject.fit(Samples.concat([training, training.take(low)]), init=start).model
    off = farthest(subject.nll(weighted, test), subject.nll(doubled, test))
    require(off <= EXACT, "the same fit by weights of 2 as by rows that come twice", f"a likelihood off by up to {off:.3g} nats")
    all_alike = subject.fit(training.weighted(torch.full((len(training),), 2.0)), init=start).model
    off = farthest(plain, subject.nll(all_alike, test))
    require(off <= EXACT, "the same fit by equal weights as by none", f"a likelihood off by up to {off:.3g} nats")


def _lower_half(samples: Samples) -> Tensor:
    """Return which samples have the smaller mean over what they hold, bool (n,): two kinds that differ."""
    values = next(iter(samples.data.values()))
    means = values.reshape(len(values), -1).double().mean(1)
    low = means < means.median()
    if not bool(low.any()):  # most are equal to the smallest
        low = means <= means.median()
    if bool(low.all()) or not bool(low.any()):
        raise NotApplicable("all samples have the same mean: there are no two kinds of them")
    return low
