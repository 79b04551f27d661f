"""An axis of a plot: its range, its scale and its ticks."""

import math
from dataclasses import dataclass
from itertools import takewhile
from typing import Literal

import numpy as np

from fortifai.fidelity.onset import Floats

TICKS = 6
"""About so many ticks fit on an axis."""

NICE = (1, 2, 5, 10)
"""What ticks are apart, times a power of ten."""

SLACK = 1e-9
"""By so much of a step a tick may lie outside, for rounding."""


@dataclass(frozen=True)
class Axis:
    """An axis of a plot.

    Attributes:
        label: What stands beside it.
        low: Where it begins.
        high: Where it ends, above ``low``.
        whole: Whether its ticks are whole numbers.
        scale: ``log`` for values > 0; ``from 0`` is linear up to 1, and logarithmic from there on.
    """

    label: str
    low: float
    high: float
    whole: bool = False
    scale: Literal["linear", "log", "from 0"] = "linear"

    def share(self, values: Floats) -> Floats:
        """Return how far along the axis values lie, 0 at its beginning and 1 at its end, of the same shape."""
        low, high = (float(self._scaled(np.array(end))) for end in (self.low, self.high))
        return (self._scaled(values) - low) / (high - low)

    def ticks(self) -> list[float]:
        """Return where the ticks are, in order, within the range."""
        if self.scale == "linear" or (self.scale == "log" and self.high < 10 * self.low):
            return self._even_ticks()
        powers = range(-9, 10) if self.scale == "log" else range(10)
        wide = self.scale == "from 0" or self.high > 100 * self.low
        candidates = [factor * 10.0**power for power in powers for factor in ((1,) if wide else NICE[:-1])]
        inside = [value for value in candidates if self.low <= value <= self.high]
        return [0.0, *inside] if self.scale == "from 0" else inside

    def _scaled(self, values: Floats) -> Floats:
        if self.scale == "linear":
            return values
        if self.scale == "log":
            return np.log10(values)
        return np.where(values <= 1, values, 1 + np.log10(np.maximum(values, 1)))

    def _even_ticks(self) -> list[float]:
        rough = (self.high - self.low) / TICKS
        power = 10.0 ** math.floor(math.log10(rough))
        step = next(factor * power for factor in NICE if factor * power >= rough * (1 - SLACK))
        step = max(step, 1) if self.whole else step
        first = math.ceil(self.low / step - SLACK)
        return [place * step for place in takewhile(lambda place: place * step <= self.high + SLACK * step, _counting(first))]


def _counting(first: int) -> range:
    return range(first, first + 10 * TICKS)


def written(tick: float) -> str:
    """Return a tick as text, in as few digits as tell it from the next."""
    return f"{tick:.6g}" if abs(tick) > SLACK else "0"
