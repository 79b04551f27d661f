"""Checks of the real data that an adapter is bound to."""

import torch
from torch import Tensor

from fortifai.conformance.check import NotApplicable, check, require
from fortifai.conformance.processes import in_fresh_process
from fortifai.conformance.subject import Subject
from fortifai.contract.samples import Samples

REPEATED = 0.9
"""Where this share of the pool's samples have an equal one in it, as of categories, equal samples say nothing."""


@check()
def loads_the_same_twice(subject: Subject) -> None:
    """The same settings give the same splits every time."""
    one, other = subject.adapter.splits.data_hash(), subject.bind().splits.data_hash()
    require(one == other, "splits of the same hash when the adapter is made again", f"{one} and {other}")


@check()
def loads_the_same_in_a_fresh_process(subject: Subject) -> None:
    """The same settings give the same splits in another process, whatever the order that Python hashes in."""
    here, there = subject.adapter.splits.data_hash(), in_fresh_process(subject).data_hash
    require(here == there, "splits of the same hash in a fresh process", f"{here} here and {there} there")


@check()
def opens_no_connection(subject: Subject) -> None:
    """Loading, fitting and sampling open no connection to another machine."""
    tried = in_fresh_process(subject).connections
    require(not tried, "no connection to another machine", f"attempts to reach {', '.join(sorted(set(tried)))}")


@check()
def real_data_is_well_formed(subject: Subject) -> None:
    """The splits hold finite samples of origin REAL, without weights, on the CPU, all three of the same tensors."""
    splits = subject.adapter.splits
    like = _form(splits.train)
    for name, part in (("train", splits.train), ("validation", splits.validation), ("test", splits.test)):
        require(len(part) > 0, f"samples in the split {name}", "none")
        require(_form(part) == like, f"tensors in the split {name} as in train: {like}", _form(part))
        require(bool(part.is_real().all()), f"origin REAL in the split {name}", "other origins")
        require(part.weight is None, f"no weights in the split {name}", "weights")
        require(part.is_finite(), f"finite numbers in the split {name}", "NaN or infinity")
        require(all(t.device.type == "cpu" for t in part.data.values()), f"the split {name} on the CPU", "another device")
    pool, n = len(splits.train), subject.setting.n
    require(pool >= n, f"at least n = {n} samples in the training pool", pool)


@check()
def splits_are_disjoint(subject: Subject) -> None:
    """No sample of one split stands in another, beyond what is equal by chance."""
    splits = subject.adapter.splits
    parts = {"train": splits.train, "validation": splits.validation, "test": splits.test}
    sizes = [len(part) for part in parts.values()]
    codes = dict(zip(parts, _numbered(Samples.concat(list(parts.values()))).split(sizes), strict=True))
    twins = _share_with_a_twin(codes["train"])
    if twins > REPEATED:
        raise NotApplicable(f"{twins:.0%} of the training samples have an equal one in the pool itself, as categories have")
    for one, other in (("validation", "train"), ("test", "train"), ("test", "validation")):
        shared = torch.isin(codes[one], codes[other]).double()
        by_chance = max(twins, 1 / len(shared))
        bound = by_chance + 4 * (by_chance * (1 - by_chance) / len(shared)) ** 0.5
        found = float(shared.mean())
        expected = f"at most {bound:.1%} of the samples of {one} equal to one of {other}, as chance has it"
        require(found <= bound, expected, f"{found:.1%}")


def _form(samples: Samples) -> dict[str, tuple[tuple[int, ...], str]]:
    return {name: (tuple(t.shape[1:]), str(t.dtype).removeprefix("torch.")) for name, t in sorted(samples.data.items())}


def _numbered(samples: Samples) -> Tensor:
    """Return a number for every sample, int64 (n,): equal samples have equal ones."""
    rows = [tensor.reshape(len(tensor), -1).double() for _, tensor in sorted(samples.data.items())]
    numbers: Tensor = torch.unique(torch.cat(rows, 1), dim=0, return_inverse=True)[1]
    return numbers


def _share_with_a_twin(codes: Tensor) -> float:
    counts = torch.bincount(codes)
    return float((counts[codes] > 1).double().mean())
