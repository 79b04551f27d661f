"""How much may be asked for, on the command line and in Python alike: beyond these bounds a number is a slip of the hand."""

from fortifai.errors import UserError

MOST_SEEDS = 10_000
"""Chains for each strategy and objective; thousands of them tell a false-positive rate of 1 % to a tenth of that."""

EXPLORE_FROM = MOST_SEEDS
"""The first of the seeds that settings are chosen on. Those of published tables are below, however many there are."""

MOST_GENERATIONS = 100_000
"""The longest horizon."""

MOST_WORKERS = 1_024
"""Processes of one run on one machine."""

MOST_CHAINS = 1_000_000
"""Chains that one command may be limited to."""


def require_count(option: str, count: object, most: int) -> None:
    """Raise UserError unless a count is a whole number from 1 to ``most``; the text calls it ``--option``."""
    if not isinstance(count, int) or isinstance(count, bool):
        raise UserError(f"--{option} {count!r}: must be a whole number")
    if count < 1:
        raise UserError(f"--{option} {count}: must be at least 1")
    if count > most:
        raise UserError(f"--{option} {count}: must be at most {most:,}")


def is_explore_seed(seed: int) -> bool:
    """Return whether a seed is one that settings are chosen on, which no published table may rest on."""
    return seed >= EXPLORE_FROM
