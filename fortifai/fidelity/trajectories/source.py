"""What is scored: a run folder, a file or a table, with the rule to score it by and what there is to say about it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from fortifai.errors import UserError
from fortifai.fidelity.rule import DEFAULT_RULE, Rule, parse_rule
from fortifai.fidelity.trajectories.metric_options import against_the_grain, with_better, with_null
from fortifai.fidelity.trajectories.reading import read
from fortifai.fidelity.trajectories.tidy import tidy
from fortifai.records.reading import read_suite
from fortifai.storage import Better

Trajectories = str | Path | pd.DataFrame
"""A run folder, a CSV file, or a table of trajectories."""


@dataclass(frozen=True)
class Source:
    """Trajectories as they were read, and the rule."""

    table: pd.DataFrame
    rule: Rule
    notes: list[str]
    given: dict[str, str]

    def said_of(self, metric: str) -> list[str]:
        """What there is to say about every row that is scored by a metric."""
        return [
            *self.notes,
            *(text for text in (self.given.get(metric), against_the_grain(self.table, metric, self.rule)) if text),
        ]


def load(
    path_or_frame: Trajectories,
    rule: str | None,
    baseline: str,
    better: Better | Mapping[str, Better] | None,
    null: float | Mapping[str, float] | None,
) -> Source:
    """Read trajectories and settle the rule: the given one, that of the run's suite, or the default.

    Raises UserError as `fortifai.score` does.
    """
    if isinstance(path_or_frame, pd.DataFrame):
        table = tidy(path_or_frame)
    else:
        path = Path(path_or_frame)
        table = read(path)
        if rule is None and path.is_dir():
            rule = read_suite(path).suite.rule
    notes = list(table.attrs.get("notes", []))
    table, given = with_null(with_better(table, better), null)
    parsed = parse_rule(rule or DEFAULT_RULE)
    objectives = sorted(table["objective"].unique())
    if baseline not in objectives and (parsed.by_fidelity or baseline != "ce"):
        raise UserError(f"the baseline {baseline!r} is not in the data; its objectives are {', '.join(objectives)}")
    return Source(table, parsed, notes, given)
