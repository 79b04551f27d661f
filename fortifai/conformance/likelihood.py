"""Checks of likelihood and confidence."""

import math

import numpy as np
import torch
from scipy.stats import rankdata
from torch import Tensor

from fortifai.conformance.check import NotApplicable, check, require
from fortifai.conformance.subject import Subject, by_sample
from fortifai.contract.samples import Samples
from fortifai.randomness import stream

CLEAR = 4.0
"""Standard errors by which two means have to differ: by chance once in 30,000."""

SHIFT = 3.0
"""Standard deviations by which every number is moved, up or down, where data is to be made unlikely."""

NARROW = 0.25
"""Temperature of the samples that a narrower model is fitted to."""

RISING = 0.5
"""Rank correlation of confidence with likelihood, at least; 1 where one is a function of the other."""

MASS_EXCESS = 0.01
"""What rounding and the width of a grid may add to a probability of 1."""

GRID = 401
"""Points of a grid in each dimension."""

MOST_CATEGORIES = 4096
"""Values of a category that are summed over."""


@check()
def real_data_is_likelier_than_disturbed(subject: Subject) -> None:
    """Held-out real data is likelier than the same data shifted, shuffled or, of categories, drawn at random."""
    test = subject.adapter.splits.test
    real, other = (by_sample(subject.nll(subject.model, samples)) for samples in (test, disturbed(subject)))
    _require_clear(other, real, "a likelihood that is clearly lower of disturbed data than of real data")


@check()
def likelihood_is_normalised(subject: Subject) -> None:
    """The density, or the probabilities of all categories, add up to at most 1."""
    names = list(subject.training.data)
    if len(names) != 1:
        raise NotApplicable("samples hold several tensors, of which some may be given")
    x = subject.training[names[0]]
    mass = _sum_over_categories(subject, names[0], x) if not x.is_floating_point() else _integral(subject, names[0], x)
    require(mass <= 1 + MASS_EXCESS, "a likelihood that adds up to at most 1", f"{mass:.4g}")


@check(lambda declaration: not declaration.elements.implicit)
def confidence_rises_with_likelihood(subject: Subject) -> None:
    """Within one model, what is likelier is what it is more confident in."""
    nll, confidence = (values.double().reshape(-1).numpy() for values in subject.adapter.likelihood(subject.model, subject.own))
    known = np.isfinite(nll)
    ranks = [rankdata(values[known]) for values in (-nll, confidence)]
    if not all(rank.std() > 0 for rank in ranks):
        require(False, "confidence that differs between elements", f"{confidence[0]:.6g} for all of them")
    found = float(np.corrcoef(ranks[0], ranks[1])[0, 1])
    require(found >= RISING, f"a rank correlation of confidence and likelihood of at least {RISING}", f"{found:.3f}")


@check()
def confidence_keeps_its_scale(subject: Subject) -> None:
    """A model that was fitted to narrower data is more confident in it: the scale does not move with the model."""
    init = subject.model if subject.declaration.elements.carried else None
    sharp = subject.sample(subject.model, temperature=NARROW)
    wide, narrow = (
        by_sample(subject.confidence(subject.fit(samples, init=init).model, samples)) for samples in (subject.own, sharp)
    )
    _require_clear(narrow, wide, "a confidence that is clearly higher in data that is narrower, of a model fitted to it")


def disturbed(subject: Subject) -> Samples:
    """Return the held-out data made unlikely: what lies in [0, 1] in another order, numbers moved, categories random."""
    rng, splits = stream("conformance", "disturbed"), subject.adapter.splits
    return Samples.real(**{name: _disturbed(x, splits.train[name], rng) for name, x in splits.test.data.items()})


def _disturbed(x: Tensor, pool: Tensor, rng: torch.Generator) -> Tensor:
    if not x.is_floating_point():
        values: Tensor = pool.unique()
        return values[torch.randint(len(values), x.shape, generator=rng)]
    if x.ndim > 1 and bool(pool.min() >= 0) and bool(pool.max() <= 1):
        flat = x.flatten(1)
        return flat.gather(1, torch.rand(flat.shape, generator=rng).argsort(1)).reshape(x.shape)
    sign = 2 * torch.randint(2, x.shape, generator=rng) - 1
    moved: Tensor = x + SHIFT * pool.std(0) * sign
    return moved.to(x.dtype)


def _require_clear(high: Tensor, low: Tensor, expected: str) -> None:
    """Raise Unmet unless one mean is above another by `CLEAR` standard errors; infinite values are above all others."""
    if bool(torch.isposinf(high).any()) and bool(torch.isfinite(low).all()):
        return
    margin = float(high.mean() - low.mean())
    error = math.sqrt(float(high.var()) / len(high) + float(low.var()) / len(low))
    apart = f"{margin / error if error else 0:.1f} standard errors apart"
    got = f"means of {float(high.mean()):.4g} and {float(low.mean()):.4g}, {apart}"
    require(margin > CLEAR * error and margin > 0, expected, got)


def _sum_over_categories(subject: Subject, name: str, x: Tensor) -> float:
    """Return the largest sum of probabilities over all values that occur, at the first and the last place of a sample."""
    values = subject.adapter.splits.train[name].unique()
    if len(values) > MOST_CATEGORIES:
        raise NotApplicable(f"there are more than {MOST_CATEGORIES:,} categories")
    flat = x[:1].reshape(1, -1)
    sums = []
    for place in sorted({0, flat.shape[1] - 1}):
        rows = flat.repeat(len(values), 1)
        rows[:, place] = values
        nll = subject.nll(subject.model, Samples.real(**{name: rows.reshape(len(values), *x.shape[1:])}))
        if nll[0].numel() != flat.shape[1]:
            raise NotApplicable("the likelihood is not of every category by itself")
        sums.append(float(torch.exp(-nll.reshape(len(values), -1)[:, place].double()).sum()))
    return max(sums)


def _integral(subject: Subject, name: str, x: Tensor) -> float:
    """Return the integral of the density over a grid that reaches three ranges of the data, in one or two dimensions."""
    dimensions = x[0].numel()
    if not subject.declaration.elements.density:
        raise NotApplicable("numbers whose likelihood is not declared a density")
    if dimensions > 2:
        raise NotApplicable(f"a density in {dimensions} dimensions cannot be added up on a grid")
    flat = subject.adapter.splits.train[name].reshape(len(subject.adapter.splits.train), -1)
    low, high = flat.min(0).values, flat.max(0).values
    axes = [torch.linspace(float(a - (b - a)), float(b + (b - a)), GRID) for a, b in zip(low, high, strict=True)]
    points = torch.cartesian_prod(*axes).reshape(-1, dimensions).to(x.dtype)
    nll = subject.nll(subject.model, Samples.real(**{name: points.reshape(-1, *x.shape[1:])})).double()
    if nll.numel() != len(points):
        raise NotApplicable("the likelihood is not of whole samples")
    return float(torch.exp(-nll).sum()) * math.prod(float(axis[1] - axis[0]) for axis in axes)
