"""From a run's numbers to an entry: who sends it in, the score that is claimed, and how to compute it again."""

from collections.abc import Mapping, Sequence
from typing import Any

from fortifai.errors import UserError
from fortifai.fidelity.scoring import score
from fortifai.records.entry import Entry, Marks, PlugIn, Submission
from fortifai.records.hashing import content_hash
from fortifai.records.numbers import RunNumbers
from fortifai.report.commands import commands_of
from fortifai.sanitise import one_line

NOT_DECIDING = ("summary", "identity", "overrides")
"""Fields of a suite that say nothing of its numbers."""

NOT_PUBLISHED_BY = ("explore_seeds", "pool", "seconds_per_generation", "seconds_per_sample", "gpu")
"""Fields of a regime that no published number depends on: what its plan reads, and what settings are chosen on."""


def make_entry(
    numbers: RunNumbers, submission: Submission, plug_ins: Sequence[PlugIn], *, own_suite: bool, partial: bool
) -> Entry:
    """Return the entry of a run.

    Args:
        numbers: Of the run.
        submission: Who sends in what.
        plug_ins: Packages beside fortifai that it used.
        own_suite: Whether the suite is another than those that come with fortifai.
        partial: Whether something of the suite is missing.

    Raises:
        UserError: The run cannot be scored.
    """
    shown = numbers.model_copy(
        update={
            "chains": [
                chain.model_copy(update={"reason": None if chain.reason is None else one_line(chain.reason)})
                for chain in numbers.chains
            ]
        }
    )
    return Entry(
        submission=submission,
        marks=Marks(own_suite=own_suite, partial=partial, dirty=is_dirty(numbers, plug_ins)),
        suite_sha256=suite_hash(numbers.suite.model_dump(mode="json")),
        plug_ins=list(plug_ins),
        numbers=shown,
        score=score_of(numbers),
        commands=[one_line(command) for command in commands_of(numbers, plug_ins)],
    )


def score_of(numbers: RunNumbers) -> dict[str, Any]:
    """Return the score table of a run, as JSON values. Raises UserError where it cannot be scored."""
    return score(numbers).model_dump(mode="json")


def is_dirty(numbers: RunNumbers, plug_ins: Sequence[PlugIn]) -> bool:
    """Return whether anything was run from sources that differ from the commit that is named."""
    commits = [*(machine.commit for machine in numbers.machines), *(package.commit for package in plug_ins)]
    return any(commit is not None and commit.endswith("+changes") for commit in commits)


def suite_hash(suite: Mapping[str, Any]) -> str:
    """Return the SHA-256 of a suite, described in full, without what no number depends on."""
    regimes = suite.get("regimes")
    if regimes is not None and not (isinstance(regimes, dict) and all(isinstance(table, dict) for table in regimes.values())):
        raise UserError("regimes of a suite should be tables")
    deciding = {name: value for name, value in suite.items() if name not in (*NOT_DECIDING, "regimes")}
    tables = {
        name: {key: value for key, value in table.items() if key not in NOT_PUBLISHED_BY}
        for name, table in (regimes or {}).items()
    }
    return content_hash({**deciding, "regimes": tables})
