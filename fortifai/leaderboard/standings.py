"""How methods stand across suites: extension ratios by suite and regime, their geometric mean, and a rank as a range."""

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence

import numpy as np
from pydantic import Field

from fortifai.code_files import split_name
from fortifai.fidelity.rule import BASELINE
from fortifai.fidelity.scores import Estimate, Ratio
from fortifai.leaderboard.schema import Leaderboard
from fortifai.storage import Stored

STRATEGY = "replace"
"""The strategy that the table across suites is of: each generation is trained on the last one's output alone."""


class Place(Stored):
    """Where extension ratios were measured: a regime of a suite."""

    suite: str = Field(description="identity of the suite")
    modality: str | None = Field(description="name of the modality")
    regime: str | None = Field(description="the suite's regime")


class Measured(Stored):
    """One objective's extension ratio at one place."""

    objective: str = Field(description="the loss, with its parameters")
    ratio: Ratio = Field(description="ER under replace")
    p_value: float | None = Field(description="two-sided, of ER = 1, Holm-adjusted over the comparisons of its entry")


class Standing(Stored):
    """A method's objective across places."""

    method: str = Field(description="who sent it in")
    objective: str = Field(description="name of the loss, without parameters")
    cells: list[list[Measured]] = Field(description="what was measured at each place, in the order of the places")
    geometric_mean: Ratio | None = Field(description="of the places' ratios; null where there is none")
    places: int = Field(description="at how many places it was measured")
    first: int = Field(1, description="the best rank that the intervals allow")
    last: int = Field(1, description="the worst rank that the intervals allow")

    @property
    def ranks(self) -> str:
        """The range of ranks as text, such as ``1`` or ``1–3``."""
        return f"{self.first}" if self.first == self.last else f"{self.first}–{self.last}"


class Standings(Stored):
    """The table across suites."""

    places: list[Place] = Field(description="ordered by modality, suite and regime")
    rows: list[Standing] = Field(description="by the worst rank, then the best one, then the geometric mean, the longest first")


def standings(boards: Iterable[tuple[str, Leaderboard]]) -> Standings:
    """Return how the objectives of all entries stand across suites.

    Args:
        boards: The method of each entry, and its leaderboard.
    """
    measured: dict[tuple[str, str], dict[tuple[str, str, str], list[Measured]]] = defaultdict(lambda: defaultdict(list))
    places: dict[tuple[str, str, str], Place] = {}
    for method, board in boards:
        for row in board.rows:
            if (
                row.strategy != STRATEGY
                or row.objective == BASELINE
                or row.extension_ratio is None
                or row.extension_ratio.value <= 0
            ):
                continue
            key = row.modality or "", board.identity, row.regime or ""
            places[key] = Place(suite=board.identity, modality=row.modality, regime=row.regime)
            one = Measured(objective=row.objective, ratio=row.extension_ratio, p_value=row.p_value)
            measured[method, split_name(row.objective)[0]][key].append(one)
    order = sorted(places)
    rows = [_standing(method, name, [cells.get(place, []) for place in order]) for (method, name), cells in measured.items()]
    return Standings(places=[places[key] for key in order], rows=_ranked(rows))


def _standing(method: str, objective: str, cells: list[list[Measured]]) -> Standing:
    ratios = [mean for cell in cells if (mean := geometric_mean([one.ratio for one in cell])) is not None]
    return Standing(
        method=method,
        objective=objective,
        cells=cells,
        geometric_mean=geometric_mean(ratios),
        places=len(ratios),
    )


def geometric_mean(ratios: Sequence[Ratio]) -> Ratio | None:
    """Return the geometric mean of ratios > 0, or None of none.

    Its interval takes the ratios as independent and their logs as normal, with the standard errors that their own intervals
    say; where an upper end is open, the lower one says it. Without an end it has no interval.
    """
    if not ratios:
        return None
    logs = [math.log(ratio.value) for ratio in ratios]
    errors = [_half_width(ratio) for ratio in ratios]
    mean, bound = math.fsum(logs) / len(logs), any(ratio.lower_bound for ratio in ratios)
    known = [error for error in errors if error is not None]
    if len(known) < len(errors):
        return Ratio(value=math.exp(mean), low=None, high=None, lower_bound=bound)
    half = math.sqrt(math.fsum(error * error for error in known)) / len(known)
    return Ratio(value=math.exp(mean), low=math.exp(mean - half), high=math.exp(mean + half), lower_bound=bound)


def _half_width(ratio: Estimate) -> float | None:
    """Return half the width of an interval of a ratio, on the scale of logs."""
    below = math.log(ratio.value / ratio.low) if ratio.low else None
    above = math.log(ratio.high / ratio.value) if ratio.high else None
    return max((width for width in (below, above) if width is not None), default=None)


def _ranked(rows: list[Standing]) -> list[Standing]:
    """Return rows in order, each with its range of ranks.

    Two rows are compared by the geometric mean, over the places where both were measured, of how many times as long the one lasts
    as the other. A row's best rank is behind those alone that last longer beyond chance, its worst one before those alone that it
    outlasts; rows that were measured at no place together do not tell of each other.
    """
    means = [[geometric_mean([one.ratio for one in cell]) for cell in row.cells] for row in rows]
    logs = np.array([[math.nan if mean is None else math.log(mean.value) for mean in line] for line in means])
    errors = np.array([[math.nan if mean is None else _half_width(mean) or math.inf for mean in line] for line in means])
    ranked = []
    for row, log, error in zip(rows, logs, errors, strict=True):
        together = np.isfinite(log) & np.isfinite(logs)  # (rows, places)
        longer = np.where(together, logs - log, 0).sum(1)
        half = np.sqrt(np.where(together, errors**2 + error**2, 0).sum(1))
        above, below = np.count_nonzero(longer > half), np.count_nonzero(longer < -half)
        ranked.append(row.model_copy(update={"first": 1 + int(above), "last": len(rows) - int(below)}))
    return sorted(
        ranked,
        key=lambda row: (
            row.last,
            row.first,
            -(row.geometric_mean.value if row.geometric_mean else 0),
            row.objective,
            row.method,
        ),
    )
