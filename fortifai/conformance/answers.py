"""Checks of what an adapter answers, which the protocol makes too, and that it leaves alone what it is given."""

import torch

from fortifai.conformance.check import check, require
from fortifai.conformance.subject import Subject, farthest
from fortifai.contract import checks
from fortifai.contract.samples import Samples

FEW = 7
"""An odd number of samples, which no batch size divides."""


@check()
def fit_returns_what_it_should(subject: Subject) -> None:
    """A fit is a Fit, with a masked share in [0, 1] and notes that are numbers."""
    checks.check_fit(subject.adapter, subject.fitted)


@check()
def samples_are_like_the_real_data(subject: Subject) -> None:
    """As many samples as the source has, of the real data's names, types and shapes, and finite."""
    for n in (len(subject.training), FEW, 1):
        source = subject.training.take(slice(n))
        data = subject.adapter.sample(subject.model, source, subject.setting.sampling, torch.Generator().manual_seed(n))
        checks.check_samples(subject.adapter, data, source)
        require(Samples.synthetic(data, 0).is_finite(), "finite samples", "NaN or infinity")


@check()
def likelihood_is_of_every_element(subject: Subject) -> None:
    """Likelihood and confidence have one shape, a first dimension of n, and the range that the declaration says."""
    for samples in (subject.adapter.splits.test, subject.own, subject.training.take(slice(1))):
        checks.check_likelihood(subject.adapter, subject.adapter.likelihood(subject.model, samples), samples)


@check()
def likelihood_does_not_depend_on_the_others(subject: Subject) -> None:
    """The first samples of a set have the likelihood and confidence that they have without the rest of it."""
    test = subject.adapter.splits.test
    some = test.take(slice(FEW))
    for whole, part in zip(*(subject.adapter.likelihood(subject.model, samples) for samples in (test, some)), strict=True):
        among = whole[: len(some)]
        # Batches of another size sum in another order; a likelihood that does not exist is NaN both times.
        same = torch.allclose(among, part, rtol=1e-3, atol=1e-4, equal_nan=subject.adapter.implicit)
        require(same, "the same likelihood alone as among others", f"one off by up to {farthest(among, part):.3g}")


@check()
def what_is_given_is_left_as_it_was(subject: Subject) -> None:
    """Fitting, sampling and asking change neither the samples nor the model that they are given, nor the real data."""
    adapter = subject.bind()
    training, test, real = subject.training_of(adapter), adapter.splits.test, adapter.splits.data_hash()
    with checks.unchanged(adapter, "fit", training):  # the first fit, since what is changed once may stay as it is then
        model = subject.fit(training, "tce-quantile:keep=0.5", adapter=adapter).model
    known = subject.nll(model, test, adapter)
    with checks.unchanged(adapter, "fit", training):
        subject.fit(training, init=model, adapter=adapter)
    with checks.unchanged(adapter, "sample", training):
        subject.sample(model, training, 0.5, adapter=adapter)
    with checks.unchanged(adapter, "likelihood", training):
        adapter.likelihood(model, training)
    require(adapter.splits.data_hash() == real, "real data left as it was", "other splits")
    off = farthest(known, subject.nll(model, test, adapter))
    require(off == 0, "a model left as it was by the fit that starts from it", f"a likelihood that moved by up to {off:.3g} nats")
