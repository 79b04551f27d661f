"""From trajectories to a score: fidelity, onset of collapse, fidelity interval, extension ratio. Imports no torch."""

from fortifai.fidelity.rule import Rule, parse
from fortifai.fidelity.score import score

__all__ = ["Rule", "parse", "score"]
