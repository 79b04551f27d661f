"""Cuts a text into contiguous stretches and deals them out by position, so that no part sees what another one holds."""

import re
from bisect import bisect_left
from itertools import accumulate, groupby
from math import ceil

STRETCHES = 100
"""How many stretches a text is cut into: few seams, yet every part reaches over the whole text."""

UNITS = (r"[^\n]*\n|[^\n]+", r"\s*\S+\s*|\s+", r"[\s\S]")
"""Where a cut may fall: after a line; where there are too few lines, after a word; as a last resort, after any character."""

Parts = tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]


def split(text: str, validation: float, test: float) -> Parts:
    """Return the training, validation and test part of a text, each as contiguous stretches in document order.

    The parts do not overlap and together are the text. Their sizes are the shares asked for, to within one stretch (a
    hundredth of the text, unless its lines are longer). A line is cut only where there are too few lines to deal out.

    Args:
        text: The whole text.
        validation: The validation part's share of it, in (0, 1).
        test: The test part's share of it; the two together leave some for training.
    """
    shares = (1 - validation - test, validation, test)
    least = ceil(2 / min(shares))
    stretches: list[str] = []
    for unit in UNITS:
        stretches = _cut(text, unit, max(STRETCHES, least))
        if len(stretches) >= least:
            break
    dealt = zip(_deal([len(stretch) for stretch in stretches], shares), stretches, strict=True)
    # Neighbours of one part are joined: every seam costs the rest of a block.
    joined = [(part, "".join(stretch for _, stretch in run)) for part, run in groupby(dealt, key=lambda pair: pair[0])]
    train_part, validation_part, test_part = (
        tuple(stretch for part, stretch in joined if part == number) for number in range(len(shares))
    )
    return train_part, validation_part, test_part


def _cut(text: str, unit: str, count: int) -> list[str]:
    """Cut after the units that end nearest to the borders of ``count`` equal stretches."""
    ends = list(accumulate(len(piece) for piece in re.findall(unit, text)))
    borders = sorted({_nearest(ends, len(text) * k / count) for k in range(1, count + 1)}) if ends else []
    return [text[low:high] for low, high in zip([0, *borders], borders, strict=False) if high > low]


def _nearest(ends: list[int], target: float) -> int:
    above = bisect_left(ends, target)
    return min(ends[max(above - 1, 0) : above + 1], key=lambda end: abs(end - target))


def _deal(sizes: list[int], shares: tuple[float, ...]) -> list[int]:
    """Return the part that each stretch goes to: the one that is furthest behind its share of the text so far."""
    dealt, total, parts = [0.0] * len(shares), 0, []
    for size in sizes:
        total += size
        part = max(range(len(shares)), key=lambda p: shares[p] * total - dealt[p])
        dealt[part] += size
        parts.append(part)
    return parts
