"""How a model from scratch is built: as wide as it is from the start, or coupled from narrow ones. Imports no torch."""

import math
from collections.abc import Mapping
from typing import Annotated, ClassVar

from pydantic import AfterValidator, Field, model_validator

from fortifai.code_files import split_name
from fortifai.config import Identity, Parametrised, with_parameters
from fortifai.errors import UserError, did_you_mean

DENSE = "dense"
"""The default of ``model.coupling``."""


class Dense(Parametrised):
    """As wide as it is from the first step on: no coupling."""

    name: ClassVar[str] = DENSE


class BlockDiagonal(Parametrised):
    """Coupled from narrow models, pair by pair, their weights on the diagonal of a wider one, which is trained on.

    M. Henry, A. Deliège, S. Piérard and M. Van Droogenbroeck, *Recursive Block-Diagonal Coupling for Resource-Efficient Training
    of Vision Models* (2026, arXiv 2605.23656). docs/capacity.md says what of it is known here, and what is reconstructed.
    """

    name: ClassVar[str] = "block-diagonal"
    blocks: Identity[int] = Field(2, ge=1, description="narrow models to begin with, each so many times narrower; a power of two")
    narrow: Identity[float] = Field(
        0.5,
        gt=0,
        lt=1,
        description="share of a fit's FLOPs that goes to narrower models, each of their widths with an equal part",
    )

    @model_validator(mode="after")
    def _pairs_up(self) -> "BlockDiagonal":
        below = 1 << (self.blocks.bit_length() - 1)
        if self.blocks != below:
            raise ValueError(
                f"blocks: models are coupled in pairs, so {self.blocks} should be a power of two: {below} or {2 * below}"
            )
        return self


KINDS: Mapping[str, type[Dense] | type[BlockDiagonal]] = {Dense.name: Dense, BlockDiagonal.name: BlockDiagonal}


def parse(text: str) -> Dense | BlockDiagonal:
    """Return what ``"block-diagonal:blocks=4"`` names.

    Raises:
        UserError: The name or a key is unknown, or a value is out of range; the text has what was expected.
    """
    name, rest = split_name(text)
    if name not in KINDS:
        raise UserError(f"unknown coupling {name!r}; {did_you_mean(name, KINDS) or 'known: ' + ', '.join(KINDS)}")
    return with_parameters(KINDS[name], rest, f"coupling {text!r}")


def is_dense(text: str) -> bool:
    """Return whether a setting is the default, which is not written down: so were models before there was another."""
    return text == DENSE


def blocks_of(text: str) -> int:
    """Return how many narrow models a model begins as; 1 where it is as wide as it is from the start."""
    coupling = parse(text)
    return coupling.blocks if isinstance(coupling, BlockDiagonal) else 1


def check_widths(text: str, widths: Mapping[str, int]) -> None:
    """Refuse blocks that do not divide a model's widths.

    Args:
        text: The setting.
        widths: What has to be divided, by the key that sets it.

    Raises:
        UserError: One of them cannot be; the text has the nearest number of blocks that divides all.
    """
    blocks = blocks_of(text)
    wrong = ", ".join(f"{name} {width}" for name, width in widths.items() if width % blocks)
    if wrong:
        common = math.gcd(*widths.values())
        nearest = common & -common  # the largest power of two that divides it
        raise UserError(
            f"coupling {text!r}: {blocks} blocks do not divide {wrong}; the nearest number that divides all is {nearest}"
        )


CouplingName = Annotated[str, AfterValidator(lambda text: parse(text).canonical)]
"""The type of a configuration's ``coupling`` field, in its one spelling."""
