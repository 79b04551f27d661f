"""The collapse rule: ``phi<0.75``, or an absolute value of a named metric."""

import math
import re
from dataclasses import dataclass
from typing import Literal

from fortifai.errors import UserError

PHI = "phi"
"""The name by which a rule refers to fidelity."""

DEFAULT_RULE = "phi<0.75"
"""The rule of a suite or a file that names none."""

BASELINE = "ce"
"""The objective that every other one is compared with, and whose generation 0 fidelity is measured from."""

GRAMMAR = '"phi<0.75" (a threshold between 0 and 1), "metric<value" or "metric>value"'

_RULE = re.compile(r"\s*([A-Za-z0-9_.:-]+)\s*([<>])\s*(\S+)\s*")


@dataclass(frozen=True)
class Rule:
    """A chain has collapsed once ``name`` is beyond ``limit`` in the direction of ``side``."""

    name: str
    side: Literal["<", ">"]
    limit: float

    @property
    def by_fidelity(self) -> bool:
        """Whether it is a rule on phi, and so needs a null and a baseline."""
        return self.name == PHI

    @property
    def least_health(self) -> float:
        """The health below which a chain has collapsed: health falls, so a metric that rises has its sign turned."""
        return -self.limit if self.side == ">" else self.limit

    def __str__(self) -> str:
        return f"{self.name}{self.side}{self.limit:.12g}"


def parse_rule(text: str) -> Rule:
    """Return the rule that a text states.

    Raises:
        UserError: With the grammar, for a malformed text, a limit that is not finite, and a phi rule other than
            ``phi<threshold`` with a threshold between 0 and 1.
    """
    match = _RULE.fullmatch(text)
    if match is None:
        raise UserError(f"rule {text!r}: should be {GRAMMAR}")
    name, side, number = match.groups()
    try:
        limit = float(number)
    except ValueError:
        limit = math.nan
    if not math.isfinite(limit):
        raise UserError(f"rule {text!r}: {number!r} is not a number; a rule is {GRAMMAR}")
    if name == PHI and not (side == "<" and 0 < limit < 1):
        raise UserError(f"rule {text!r}: phi is 1 for the baseline's generation 0 and 0 for the null; a rule is {GRAMMAR}")
    return Rule(name, "<" if side == "<" else ">", limit)
