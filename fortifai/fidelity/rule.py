"""The collapse rule: ``phi<0.75``, or an absolute value of a named metric."""

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeVar

from fortifai.errors import UserError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

PHI = "phi"
"""The name by which a rule refers to fidelity."""

DEFAULT_RULE = "phi<0.75"
"""The rule of a suite or a file that names none."""

BASELINE = "ce"
"""The objective that every other one is compared with, and whose generation 0 fidelity is measured from."""

CONTROL = "control"
"""The strategy of chains that never see synthetic data: a collapse of one of them is not one."""


def is_control(strategy: str | None) -> bool:
    """Return whether chains of a strategy are control chains: fresh real data in every generation."""
    return strategy is not None and strategy.partition(":")[0] == CONTROL


def in_words(baseline: str) -> str:
    """Return what training by a baseline is called in a sentence: the default one is ``cross entropy``."""
    return "cross entropy" if baseline == BASELINE else baseline


GRAMMAR = (
    '"phi<0.75" (a threshold between 0 and 1), "metric<value", "metric>value" or "|metric-value|>value", and after it, if '
    'it must hold for more than one generation, "for 2"; a name with other signs than letters, digits, _ . : - is quoted, as in '
    "'\"val/loss\">0.5'"
)

_BARE = re.compile(r"[A-Za-z0-9_.:-]+")
_NAME = r"""("[^"]+"|'[^']+'|[A-Za-z0-9_.:-]+?)"""
_NUMBER = r"(\d\S*?|\.\d\S*?)"
_ONE_SIDED = re.compile(rf"\s*{_NAME}\s*([<>])\s*(\S+)\s*")
_TWO_SIDED = re.compile(rf"\s*\|\s*{_NAME}\s*([-+])\s*{_NUMBER}\s*\|\s*(>)\s*(\S+)\s*")
_HOLDS = re.compile(r"(.*\S)\s+for\s+(\d{1,6})(?:\s+generations?)?\s*", re.DOTALL)

Value = TypeVar("Value", float, "NDArray[np.float64]")


@dataclass(frozen=True)
class Rule:
    """A chain has collapsed once ``name`` is beyond ``limit`` in the direction of ``side``.

    Attributes:
        name: The metric, or phi.
        side: The side on which a chain has collapsed.
        limit: Where it begins.
        centre: What the metric's distance is measured from in a two-sided rule, or None: then it is the metric itself.
        generations: How many measured generations in a row it must hold for; the onset is the beginning of the first of them.
    """

    name: str
    side: Literal["<", ">"]
    limit: float
    centre: float | None = None
    generations: int = 1

    @property
    def by_fidelity(self) -> bool:
        """Whether it is a rule on phi, and so needs a null and a baseline."""
        return self.name == PHI

    @property
    def least_health(self) -> float:
        """The health below which a chain has collapsed: health falls, so a metric that rises has its sign turned."""
        return -self.limit if self.side == ">" else self.limit

    def health(self, value: Value) -> Value:
        """Return the metric as what falls when a chain collapses, of the same shape."""
        if self.centre is not None:
            return -abs(value - self.centre)
        return -value if self.side == ">" else value

    def __str__(self) -> str:
        name = quoted(self.name)
        if self.centre is not None:
            name = f"|{name}{'-' if self.centre >= 0 else '+'}{abs(self.centre):.12g}|"
        holds = f" for {self.generations}" if self.generations > 1 else ""
        return f"{name}{self.side}{self.limit:.12g}{holds}"


def quoted(name: str) -> str:
    """Return a metric's name as a rule writes it: in quotes where it holds other signs than a bare name may."""
    if _BARE.fullmatch(name):
        return name
    return f"'{name}'" if '"' in name else f'"{name}"'


def parse_rule(text: str) -> Rule:
    """Return the rule that a text states.

    Raises:
        UserError: With the grammar, for a malformed text, a limit that is not finite, and a phi rule other than
            ``phi<threshold`` with a threshold between 0 and 1.
    """
    holds = _HOLDS.fullmatch(text)
    condition, generations = (holds[1], int(holds[2])) if holds else (text, 1)
    if not generations:
        raise UserError(f"rule {text!r}: it must hold for at least 1 generation; a rule is {GRAMMAR}")
    centre = None
    if match := _TWO_SIDED.fullmatch(condition):
        name, sign, middle, side, number = match.groups()
        centre = _finite(text, middle) * (-1 if sign == "+" else 1)
    elif match := _ONE_SIDED.fullmatch(condition):
        name, side, number = match.groups()
    else:
        raise UserError(f"rule {text!r}: should be {GRAMMAR}")
    limit = _finite(text, number)
    name = name[1:-1] if name[0] in "\"'" else name
    if centre is not None and (name == PHI or limit < 0):
        raise UserError(f"rule {text!r}: a two-sided rule is on a metric, with a limit from 0; a rule is {GRAMMAR}")
    if name == PHI and not (side == "<" and 0 < limit < 1):
        raise UserError(f"rule {text!r}: phi is 1 for the baseline's generation 0 and 0 for the null; a rule is {GRAMMAR}")
    return Rule(name, "<" if side == "<" else ">", limit, centre, generations)


def _finite(text: str, number: str) -> float:
    try:
        value = math.nan if "_" in number else float(number)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise UserError(f"rule {text!r}: {number!r} is not a number; a rule is {GRAMMAR}")
    return value
