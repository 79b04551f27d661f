"""From trajectories to a score: fidelity, onset of collapse, fidelity interval, extension ratio. Imports no torch."""

from typing import TYPE_CHECKING, Any

from fortifai.fidelity.rule import Rule, parse_rule

if TYPE_CHECKING:
    from fortifai.fidelity.comparing import compare
    from fortifai.fidelity.scoring import score

__all__ = ["Rule", "compare", "parse_rule", "score"]


def __getattr__(name: str) -> Any:
    # On first use: a suite file only needs the rule's grammar, and should not wait for NumPy and SciPy.
    if name == "score":
        from fortifai.fidelity.scoring import score

        return score
    if name == "compare":
        from fortifai.fidelity.comparing import compare

        return compare
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
