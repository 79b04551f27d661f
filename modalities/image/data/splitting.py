"""Which images are held out: the same share of every class, and copies of an image on one side only."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from hashlib import blake2b

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fortifai.errors import UserError
from fortifai.randomness import stream

from ..config import ImageData

POOL, VALIDATION, TEST = range(3)


def split(labels: Tensor, classes: Sequence[str], copies: Sequence[int], data: ImageData) -> list[Tensor]:
    """Give the places of the images of the pool, of validation and of test, int64, each in an order drawn by ``data.seed``.

    Each held-out part has its share of the images, at most ``data.most_held_out``, and within it every class has its own
    share, to within one image, and at least one image. Images with the same number in ``copies`` go to the same part; where
    they do not fit into a held-out part they go to the pool, and a part may stay smaller only where too few others are left.
    ``labels``: int64 (n,), places in ``classes``, whose names are for messages; one class, of any name, where there are none.
    Raises UserError where a class cannot be in all three parts.
    """
    of = labels.tolist()
    sizes = np.bincount(of, minlength=len(classes))
    quotas = {VALIDATION: _quotas(sizes, data.validation, data), TEST: _quotas(sizes, data.test, data)}
    order = torch.randperm(len(of), generator=stream("image", "split", data.seed))
    alike: dict[int, list[int]] = defaultdict(list)
    for image in order.tolist():
        alike[copies[image]].append(image)
    part = torch.full((len(of),), POOL)
    left = {name: quota.copy() for name, quota in quotas.items()}
    for images in alike.values():
        wanted = Counter(of[image] for image in images)
        open_to = [name for name in left if all(left[name][label] >= count for label, count in wanted.items())]
        if open_to:
            # To the one that is further from full, so that where images are few each part has one.
            goes = max(open_to, key=lambda name: min(left[name][label] / quotas[name][label] for label in wanted))
            part[images] = goes
            for label, count in wanted.items():
                left[goes][label] -= count
    _require_all(part, labels, classes, copies, data)
    return [order[part[order] == name] for name in (POOL, VALIDATION, TEST)]


def first_copies(pixels: Tensor) -> list[int]:
    """Give for each of n images the place of the first one with the very same pixels, which is its own where there is none."""
    seen: dict[bytes, int] = {}
    rows = pixels.numpy()
    return [seen.setdefault(blake2b(row.tobytes(), digest_size=16).digest(), place) for place, row in enumerate(rows)]


def _quotas(sizes: NDArray[np.int64], share: float, data: ImageData) -> NDArray[np.int64]:
    """How many images of each class a part holds: one, and each further one to the class that is furthest below its share."""
    if data.most_held_out < len(sizes):
        limit = f"data.most_held_out={data.most_held_out} is less than the {len(sizes)} classes of {data.source}"
        raise UserError(f"{limit}, of each of which one image at least is held out")
    total = max(len(sizes), min(round(share * sizes.sum()), data.most_held_out))
    fair = total * sizes / sizes.sum()
    quota = np.ones_like(sizes)
    for _ in range(total - len(sizes)):
        quota[(fair - quota).argmax()] += 1
    return quota


def _require_all(part: Tensor, labels: Tensor, classes: Sequence[str], copies: Sequence[int], data: ImageData) -> None:
    different = torch.tensor(copies)
    for label, name in enumerate(classes):
        mine = labels == label
        if len(part[mine].unique()) < 3:
            count = f"{int(mine.sum())} images, {len(different[mine].unique())} of them different"
            whose = f"{data.source}: class {name!r} has" if len(classes) > 1 else f"{data.source} has"
            shares = f"data.validation={data.validation:g} and data.test={data.test:g}"
            raise UserError(f"{whose} {count}: too few to have one in the pool and each held-out part at {shares}")
