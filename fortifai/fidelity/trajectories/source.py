"""What is scored: a run folder, a file or a table, with the rule to score it by and what there is to remark on it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from fortifai.errors import UserError
from fortifai.fidelity.rule import BASELINE, DEFAULT_RULE, Rule, parse_rule
from fortifai.fidelity.trajectories.curves import Curve, Group, objectives_in
from fortifai.fidelity.trajectories.frames import table_of
from fortifai.fidelity.trajectories.groups import Objectives, grouped_chains
from fortifai.fidelity.trajectories.metric_options import contradicts_direction, with_better, with_null
from fortifai.fidelity.trajectories.outside import AS_IT_IS, Reading
from fortifai.fidelity.trajectories.reading import is_run, read, read_numbers, read_table
from fortifai.fidelity.trajectories.table import Table
from fortifai.records.numbers import RunNumbers
from fortifai.records.reading import read_suite
from fortifai.storage import Better

if TYPE_CHECKING:
    import pandas as pd

    from fortifai.fidelity.trajectories.frames import ArrowFrame

TrajectorySource: TypeAlias = "str | Path | pd.DataFrame | ArrowFrame | Table"
"""A run folder, an entry, a file or a folder of files, or a data frame of trajectories."""


@dataclass(frozen=True)
class LoadedTrajectories:
    """Trajectories as they were read, and the rule to score them by.

    ``remarks`` are on all of them, ``null_remarks`` on single metrics, by name.
    """

    curves: Sequence[Curve]
    rule: Rule
    remarks: list[str]
    null_remarks: dict[str, str]
    _groups: dict[tuple[str, str], dict[Group, Objectives]] = field(default_factory=dict, compare=False, repr=False)

    def groups(self, metric: str, baseline: str) -> dict[Group, Objectives]:
        """Return the chains of every group, by objective, as `grouped_chains` does; each metric's are worked out once."""
        key = metric, baseline
        if key not in self._groups:
            self._groups[key] = dict(grouped_chains(self.curves, metric, self.rule, baseline))
        return self._groups[key]

    def remarks_on(self, metric: str) -> list[str]:
        """Return what there is to remark on every row that is scored by a metric."""
        of_metric = self.null_remarks.get(metric), contradicts_direction(self.curves, metric, self.rule)
        return [*self.remarks, *filter(None, of_metric)]


def load(
    source: "TrajectorySource | RunNumbers",
    rule: str | None,
    baseline: str,
    better: Better | Mapping[str, Better] | None,
    null: float | Mapping[str, float] | None,
    reading: Reading = AS_IT_IS,
) -> LoadedTrajectories:
    """Read trajectories and settle the rule: the one asked for, or that of the run's suite, or the default.

    Arguments and errors are those of `fortifai.score`; ``reading`` is what the user said of columns and generations.
    """
    if isinstance(source, RunNumbers):
        trajectories = read_numbers(source, source.suite.identity)
    elif isinstance(source, str | Path):
        trajectories = read(source, reading)
        if rule is None and is_run(Path(source)):
            rule = read_suite(Path(source)).suite.rule
    else:
        trajectories = read_table(source if isinstance(source, Table) else table_of(source), reading)
    rule = rule or trajectories.rule  # of an entry
    curves, null_remarks = with_null(with_better(trajectories.curves, better), null)
    parsed = parse_rule(rule or DEFAULT_RULE)
    objectives = objectives_in(curves)
    if baseline not in objectives and (parsed.by_fidelity or baseline != BASELINE):
        there = ", ".join(objectives)
        raise UserError(f"the baseline {baseline!r} is not in the data; its objectives are {there}: name one with --baseline")
    return LoadedTrajectories(curves, parsed, trajectories.remarks, null_remarks)
