"""What an adapter returns, checked in every generation: a benchmark that scores a broken adapter is worse than none.

The checks look at shapes, names, types and ranges, which costs next to nothing beside a fit. What they cannot see in passing,
such as a likelihood of the wrong sign, is for tests of the adapter.
"""

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor

from fortifai.contract.modality import Fit, Likelihood, Modality
from fortifai.contract.samples import Samples
from fortifai.errors import BrokenAdapter, Diverged

EXCESS = 1e-6
"""By how much rounding may lift a confidence or a share above 1, or lower it below 0."""

_INTEGERS = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}
"""The integer type that has as many bytes as a floating-point type, by that number."""

RELOADED = 16
"""Held-out samples on which a model that was read back is compared with the one that was saved."""


def check_fit(adapter: Modality[Any, Any, Any, Any], fit: object) -> None:
    """Raise BrokenAdapter unless `Modality.fit` returned a Fit with a masked share in [0, 1] and notes that are numbers."""
    _require(adapter, "fit", isinstance(fit, Fit), "a Fit", fit)
    if not isinstance(fit, Fit):
        return
    share = fit.masked_share
    number = isinstance(share, int | float) and not isinstance(share, bool)
    _require(adapter, "fit", number and -EXCESS <= share <= 1 + EXCESS, "a masked_share in [0, 1]", share)
    for name, value in fit.notes.items():
        _require(adapter, "fit", isinstance(name, str) and isinstance(value, int | float), "notes that are numbers by name",
                 f"{name!r}: {value!r}")  # fmt: skip


def check_samples(adapter: Modality[Any, Any, Any, Any], data: object, source: Samples) -> None:
    """Raise BrokenAdapter unless `Modality.sample` returned as many samples as ``source`` has, like the real data.

    That is the same names, types and shapes behind the first dimension.
    """
    real = adapter.splits.train.data
    _require(adapter, "sample", isinstance(data, Mapping), "a mapping of tensors by name", data)
    if not isinstance(data, Mapping):
        return
    _require(adapter, "sample", data.keys() == real.keys(), f"tensors named {', '.join(sorted(real))}", sorted(map(str, data)))
    for name, like in real.items():
        tensor = data[name]
        _require(adapter, "sample", isinstance(tensor, Tensor), f"a tensor as {name!r}", tensor)
        shape = (len(source), *like.shape[1:])
        _require(adapter, "sample", tuple(tensor.shape) == shape, f"{name!r} of shape {shape}", tuple(tensor.shape))
        _require(adapter, "sample", tensor.dtype == like.dtype, f"{name!r} of type {like.dtype}", tensor.dtype)
        _require(adapter, "sample", tensor.device.type == "cpu", f"{name!r} on the CPU", tensor.device)


def check_likelihood(adapter: Modality[Any, Any, Any, Any], likelihood: object, samples: Samples) -> None:
    """Raise BrokenAdapter unless `Modality.likelihood` returned two tensors of one shape (n, ...), confidence in its range.

    That is [0, 1], and for a density any finite number >= 0. Of a model without a likelihood, nll is NaN throughout.

    Raises:
        Diverged: The likelihood itself is not a number, as of a model that left the finite numbers.
    """
    _require(adapter, "likelihood", isinstance(likelihood, Likelihood), "a Likelihood", likelihood)
    if not isinstance(likelihood, Likelihood):
        return
    nll, confidence = likelihood
    for name, tensor in (("nll", nll), ("confidence", confidence)):
        _require(adapter, "likelihood", isinstance(tensor, Tensor) and tensor.is_floating_point(), f"{name} as floats", tensor)
    rows = nll.shape[:1] == (len(samples),)
    _require(adapter, "likelihood", rows, f"nll of {len(samples)} samples", tuple(nll.shape))
    shape = tuple(nll.shape)
    _require(adapter, "likelihood", tuple(confidence.shape) == shape, f"confidence of shape {shape}", tuple(confidence.shape))
    if adapter.implicit:
        _require(adapter, "likelihood", bool(torch.isnan(nll).all()), "NaN as nll, as it declares no likelihood", "numbers")
        if bool(torch.isnan(confidence).any()):
            raise Diverged("the confidence is not a number")
    elif bool(torch.isnan(nll).any()):
        raise Diverged("the likelihood is not a number")
    _require(adapter, "likelihood", not bool(torch.isnan(confidence).any()), "confidence that is a number", "NaN")
    if confidence.numel():
        low, high = confidence.aminmax()
        inside = bool(low >= -EXCESS) and bool(torch.isfinite(high) if adapter.density else high <= 1 + EXCESS)
        wanted = "finite confidence >= 0" if adapter.density else "confidence in [0, 1]"
        _require(adapter, "likelihood", inside, wanted, f"[{float(low):.6g}, {float(high):.6g}]")


@contextmanager
def unchanged(adapter: Modality[Any, Any, Any, Any], method: str, samples: Samples) -> Iterator[None]:
    """Raise BrokenAdapter if the samples that a method was given are others when it has returned."""
    before = {name: bits.clone() for name, bits in _bits(samples).items()}  # faster than a checksum before and after
    yield
    after = _bits(samples)
    same = before.keys() == after.keys() and all(_same(bits, after[name]) for name, bits in before.items())
    _require(adapter, method, same, "samples left as they were given", "samples changed in place")


def check_reloaded(adapter: Modality[Any, Any, Any, Any], model: object, reloaded: object) -> None:
    """Raise BrokenAdapter if a model that `load_model` read back makes something else of held-out data than the one saved."""
    some = adapter.splits.test.take(slice(RELOADED))
    likelihoods = [adapter.likelihood(one, some) for one in (model, reloaded)]
    part, unit = ("confidence", "") if adapter.implicit else ("likelihood", " nats")
    saved, read = (one.confidence if adapter.implicit else one.nll for one in likelihoods)
    same = saved.shape == read.shape and torch.allclose(saved, read, rtol=1e-5, atol=1e-6, equal_nan=True)
    off = float((saved - read).abs().max()) if saved.shape == read.shape else math.nan
    _require(adapter, "load_model", same, "the model that was saved", f"one whose {part} differs by up to {off:.3g}{unit}")


def _bits(samples: Samples) -> dict[str, Tensor]:
    """Return the tensors of samples, those of floats as integers, because a NaN is not equal to itself."""
    tensors = {**samples.data, "origin": samples.origin} | ({} if samples.weight is None else {"weight": samples.weight})
    return {name: t.view(_INTEGERS[t.element_size()]) if t.is_floating_point() else t for name, t in tensors.items()}


def _same(one: Tensor, other: Tensor) -> bool:
    # By numpy, which compares integers three times as fast as torch.equal.
    if one.dtype != other.dtype or one.shape != other.shape:
        return False
    return np.array_equal(one.detach().cpu().numpy(), other.detach().cpu().numpy())


def _require(adapter: object, method: str, holds: bool, expected: str, got: object) -> None:
    if not holds:
        raise BrokenAdapter(f"{type(adapter).__name__}.{method} should return {expected}, and returned {_shown(got)}")


def _shown(got: object) -> str:
    text = got if isinstance(got, str) else f"{type(got).__name__}" if isinstance(got, Tensor) else repr(got)
    return text if len(text) <= 100 else f"{text[:100]}…"
