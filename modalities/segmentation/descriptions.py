"""What is known of a class that nobody labelled: its description, a semantic vector."""

import torch
from torch import Tensor

CELLS = 15
"""Numbers of a semantic vector: the cells of three columns and five rows."""

CLASSES = 11
"""The ground, class 0, and the ten digits, classes 1 to 10."""

UNLABELLED = 255
"""The label of a pixel of a class that nobody labels."""

GLYPHS = (
    "### #.# #.# #.# ###",
    ".#. .#. .#. .#. .#.",
    "### ..# ### #.. ###",
    "### ..# ### ..# ###",
    "#.# #.# ### ..# ..#",
    "### #.. ### ..# ###",
    "### #.. ### #.# ###",
    "### ..# ..# ..# ..#",
    "### #.# ### #.# ###",
    "### #.# ### ..# ###",
)
"""How a display of 3 x 5 dots shows each digit, row by row."""


def semantic_vectors() -> Tensor:
    """Return the description of every class, float32 (CLASSES, CELLS).

    That of a digit is how a display of 3 x 5 dots shows it, 1 where a dot is lit and -1 where it is not; that of the ground is 0
    throughout. They stand where the literature has embeddings of a class's name (Xian et al., 2019; Bucher et al., 2019): they
    are known of a class without a single labelled pixel, and classes that look alike have vectors that are alike.
    """
    lit = [[1.0 if dot == "#" else -1.0 for dot in glyph.replace(" ", "")] for glyph in GLYPHS]
    return torch.tensor([[0.0] * CELLS, *lit])
