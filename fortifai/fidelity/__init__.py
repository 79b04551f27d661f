"""From trajectories to a score: fidelity, onset of collapse, fidelity interval, extension ratio. Imports no torch."""

from typing import TYPE_CHECKING, Any

from fortifai.fidelity.rule import Rule, parse_rule

if TYPE_CHECKING:
    from fortifai.fidelity.score import score

__all__ = ["Rule", "parse_rule", "score"]


def __getattr__(name: str) -> Any:
    if name != "score":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from fortifai.fidelity.score import score  # here, because reading a suite's rule needs no half second of pandas

    return score
