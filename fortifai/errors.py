"""The ways a benchmark can end early, each with its own meaning for the person and for the score."""

from collections.abc import Iterable
from difflib import get_close_matches


class UserError(ValueError):
    """Something the user can put right: the text says what is wrong, where, and what to do. Exit code 2."""


class RunFailed(Exception):
    """A run ended without all of its chains: what is done is kept, and the same command resumes it. Exit code 1."""


class Diverged(Exception):
    """Training left the finite numbers. For the score this is a collapse, not a crash; adapters raise it with the reason."""


class Damaged(Exception):
    """A kept file is not what its record says: damage, never divergence. The next run sets it aside and computes it anew."""


class BrokenAdapter(Exception):
    """An adapter returned what the contract rules out; the text names the method, what was expected and what came."""


class UnknownName(UserError):
    """A name that no registry entry carries.

    The text names the kind, the nearest known names and the command (``see``) that lists them all.
    """

    def __init__(self, kind: str, name: str, known: Iterable[str], see: str | None = None) -> None:
        names = sorted(known)
        hint = did_you_mean(name, names) or f"known: {', '.join(names) or 'none'}."
        super().__init__(f"unknown {kind} {name!r}; {hint} (`{see or f'fortifai list {plural(kind)}'}` shows them all)")


def plural(kind: str) -> str:
    """Return what several of a kind are called: metrics, strategies."""
    return f"{kind[:-1]}ies" if kind.endswith("y") else f"{kind}s"


def did_you_mean(name: str, known: Iterable[str]) -> str | None:
    """Return ``"did you mean 'this' or 'that'?"`` with the nearest known names, or None if none is near.

    Args:
        name: What was asked for.
        known: What there is.
    """
    near = get_close_matches(name, list(known), n=3, cutoff=0.5)
    return f"did you mean {' or '.join(map(repr, near))}?" if near else None
