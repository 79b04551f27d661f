"""Checks that an adapter keeps nothing between calls: a chain that was killed and resumed has the numbers of one that was not."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from functools import cached_property

import numpy as np
from torch import Tensor, nn

from fortifai.conformance.check import check, require
from fortifai.conformance.subject import Subject, same_tensors
from fortifai.contract.modality import AnyModality
from fortifai.contract.samples import Samples

DEEPEST = 6
"""How far into what an adapter holds a change is looked for."""


@check()
def no_state_between_chains(subject: Subject) -> None:
    """One chain's fit is the same before and after another chain's, and by an adapter that was just made."""
    adapter = subject.bind()
    first = _begin(subject, adapter)
    others = Samples.real(**adapter.splits.validation.data)
    other = subject.fit(others, "tce-quantile:keep=0.5", draw="another", adapter=adapter)
    subject.sample(other.model, others, 0.5, draw="another", adapter=adapter)
    again, fresh = _begin(subject, adapter), _begin(subject, subject.bind())
    require(same_tensors(first.data, again.data), "the same numbers of a chain after another chain", "other numbers")
    require(same_tensors(first.data, fresh.data), "the same numbers by an adapter that was just made", "other numbers")


@check()
def calls_leave_the_adapter_as_it_was(subject: Subject) -> None:
    """Fitting, sampling and asking change no attribute of the adapter; what it computes once it keeps as a cached_property."""
    adapter = subject.bind()
    before = _attributes(adapter)
    training = subject.training_of(adapter)
    model = subject.fit(training, adapter=adapter).model
    subject.nll(model, subject.sample(model, training, adapter=adapter), adapter)
    after = _attributes(adapter)
    changed = sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))
    require(not changed, "the adapter's attributes as they were", f"other {', '.join(changed)}")


def _begin(subject: Subject, adapter: AnyModality) -> Samples:
    training = subject.training_of(adapter)
    return subject.sample(subject.fit(training, adapter=adapter).model, training, adapter=adapter)


def _attributes(adapter: AnyModality) -> dict[str, str]:
    """Return a hash of each attribute; those that are computed once and kept may come at any time."""
    kept = {name for cls in type(adapter).__mro__ for name, value in vars(cls).items() if isinstance(value, cached_property)}
    return {name: _digest(value) for name, value in vars(adapter).items() if name not in kept}


def _digest(value: object) -> str:
    digest = hashlib.sha256()
    for part in _parts(value, 0):
        digest.update(part)
    return digest.hexdigest()


def _parts(value: object, depth: int) -> Iterator[bytes]:
    """Yield what tells one value from another, down to a depth; of what has no parts that are known here, its class."""
    yield type(value).__name__.encode()
    if isinstance(value, Tensor):
        yield value.detach().cpu().numpy().tobytes()
    elif isinstance(value, np.ndarray):
        yield value.tobytes()
    elif isinstance(value, str | bytes | int | float | bool | None):
        yield repr(value).encode()
    elif depth < DEEPEST:
        for name, inner in _inside(value):
            yield name.encode()
            yield from _parts(inner, depth + 1)


def _inside(value: object) -> Iterator[tuple[str, object]]:
    if isinstance(value, nn.Module):
        yield from value.state_dict().items()
    elif isinstance(value, Mapping):
        yield from ((repr(key), inner) for key, inner in value.items())
    elif isinstance(value, list | tuple):
        yield from ((str(place), inner) for place, inner in enumerate(value))
    elif isinstance(value, set | frozenset):
        yield from ((inner, None) for inner in sorted(map(repr, value)))
    elif is_dataclass(value):
        yield from ((part.name, getattr(value, part.name)) for part in fields(value))
    else:
        yield from getattr(value, "__dict__", {}).items()
