"""Objectives as a fit gets them: what they are in a generation, which for some a chain's records decide."""

from fortifai.objectives import Memory, Objective, resolve
from fortifai.objectives.base import SHARES

LOSING = [
    Memory(own_nll=1.0, nll_without=tuple(1 + share for share in SHARES), anchors=(0.6,), observed=(0.6,)),
    Memory(own_nll=0.9, nll_without=tuple(0.9 + share for share in SHARES)),
]
"""A chain that lost a tenth of a nat; leaving out a share s of its samples raises the rest by s nats. Its anchor is 0.6."""


def in_a_chain(name: str) -> Objective:
    """Return the objective of the third generation of a chain that loses entropy."""
    return resolve(name).for_generation(LOSING)
