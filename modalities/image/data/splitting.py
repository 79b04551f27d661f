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
    """Deal images to the pool, to validation and to test.

    Each held-out part has its share of the images, at most ``data.most_held_out``, and within it every class has its own
    share, to within one image, and at least one image. Copies of an image go to the same part; where they do not fit into a
    held-out part they go to the pool, and a part may stay smaller only where too few others are left.

    Args:
        labels: The class of each image, int64 (n,), positions in ``classes``.
        classes: Their names, for messages; one class, of any name, where there are none.
        copies: One number for each of the n images, the same for copies.
        data: Shares, limit and seed.

    Returns:
        The positions of the images of the three parts, int64 each, in an order drawn by ``data.seed``.

    Raises:
        UserError: A class cannot be in all three parts.
    """
    class_of = labels.tolist()
    sizes = np.bincount(class_of, minlength=len(classes))
    quotas = {VALIDATION: _quotas(sizes, data.validation, data), TEST: _quotas(sizes, data.test, data)}
    order = torch.randperm(len(class_of), generator=stream("image", "split", data.seed))
    groups: dict[int, list[int]] = defaultdict(list)
    for image in order.tolist():
        groups[copies[image]].append(image)
    part_of = torch.full((len(class_of),), POOL)
    room = {part: quota.copy() for part, quota in quotas.items()}
    for group in groups.values():
        wanted = Counter(class_of[image] for image in group)
        open_parts = [part for part in room if all(room[part][label] >= count for label, count in wanted.items())]
        if open_parts:
            # To the one that is further from full, so that where images are few each part has one.
            chosen = max(open_parts, key=lambda part: min(room[part][label] / quotas[part][label] for label in wanted))
            part_of[group] = chosen
            for label, count in wanted.items():
                room[chosen][label] -= count
    _require_every_class(part_of, labels, classes, copies, data)
    return [order[part_of[order] == part] for part in (POOL, VALIDATION, TEST)]


def first_copies(pixels: Tensor) -> list[int]:
    """Return for each image, (n, ...), the position of the first with the same pixels: its own where there is no other before."""
    first: dict[bytes, int] = {}
    images = pixels.numpy()
    return [first.setdefault(blake2b(row.tobytes(), digest_size=16).digest(), position) for position, row in enumerate(images)]


def _quotas(sizes: NDArray[np.int64], share: float, data: ImageData) -> NDArray[np.int64]:
    """Return how many images of each class a part holds: one, and each further one to the class furthest below its share."""
    if data.most_held_out < len(sizes):
        limit = f"data.most_held_out={data.most_held_out} is less than the {len(sizes)} classes of {data.source}"
        raise UserError(f"{limit}; at least one image of each is held out")
    total = max(len(sizes), min(round(share * sizes.sum()), data.most_held_out))
    fair = total * sizes / sizes.sum()
    quota = np.ones_like(sizes)
    for _ in range(total - len(sizes)):
        quota[(fair - quota).argmax()] += 1
    return quota


def _require_every_class(part_of: Tensor, labels: Tensor, classes: Sequence[str], copies: Sequence[int], data: ImageData) -> None:
    copy_of = torch.tensor(copies)
    for label, name in enumerate(classes):
        members = labels == label
        if len(part_of[members].unique()) < 3:
            count = f"{int(members.sum())} images, {len(copy_of[members].unique())} of them different"
            subject = f"{data.source}: class {name!r} has" if len(classes) > 1 else f"{data.source} has"
            shares = f"data.validation={data.validation:g} and data.test={data.test:g}"
            raise UserError(f"{subject} {count}: too few to have one in the pool and each held-out part at {shares}")
