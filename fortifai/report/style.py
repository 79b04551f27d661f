"""What all pictures share: colours for the colour-blind, line styles for grey print, and how they are named and written."""

import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from fortifai import sanitise
from fortifai.errors import UserError
from fortifai.fidelity.trajectories.curves import Group

if TYPE_CHECKING:  # pages are written without Matplotlib
    from matplotlib.figure import Figure

OKABE_ITO = ("#000000", "#D55E00", "#0072B2", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
"""Okabe and Ito's palette, without its yellow, which is too light on white; the baseline is black."""

QUIET, AREA = "#595959", "#bfbfbf"
"""Greys: of lines and words that are no objective's, and of an area."""

DASHES: tuple[tuple[float, ...], ...] = ((), (3.7, 1.6), (6.4, 1.6, 1, 1.6), (1, 1.65), (5, 1, 1, 1, 1, 1), (8, 3), (1, 3))
"""Lengths of line and gap, times the line's width; one for each colour, so that lines can be told apart without it."""

LETTERS_PER_INCH = 12
"""Of the font below: so few that a line of them fits."""

STYLE: dict[Any, Any] = {
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.25,
    "font.size": 9,
    "svg.fonttype": "none",
    "svg.hashsalt": "fortifai",  # the same data, the same bytes
}


class Picture(NamedTuple):
    """A picture as it was written, and what it shows.

    ``kind``: fidelity, survival, threshold or confidence. ``metric``: None where it is of none. ``objectives``: in the order of
    their lines or rows. ``svg``, ``png``: its files.
    """

    kind: str
    group: Group
    metric: str | None
    objectives: tuple[str, ...]
    svg: Path
    png: Path


HEADING = "heading"
"""The id of a picture's title in its SVG file, which a page that has headings of its own leaves out."""


def colour_and_dashes(place: int) -> tuple[int, tuple[float, ...]]:
    """Return which colour a line has by its place, from 0, and its dashes.

    The eighth has the first one's colour with other dashes, and so on.
    """
    turn, index = divmod(place, len(OKABE_ITO))
    return index, DASHES[(index + turn) % len(DASHES)]


def look(place: int) -> dict[str, Any]:
    """Return colour and dashes of a line by its place, as Matplotlib calls them."""
    colour, dashes = colour_and_dashes(place)
    return {"color": OKABE_ITO[colour], "linestyle": (0, dashes) if dashes else "-"}


def heading(parts: Iterable[str | None], inches: float) -> str:
    """Return the title of a picture, broken between its parts where it would be cut off.

    Args:
        parts: What the picture is about; None and empty parts are left out.
        inches: The picture's width.
    """
    lines = [""]
    for part in map(sanitise.label, filter(None, parts)):
        joined = f"{lines[-1]} · {part}" if lines[-1] else part
        if lines[-1] and len(joined) > LETTERS_PER_INCH * inches:
            lines.append(part)
        else:
            lines[-1] = joined
    return "\n".join(lines)


def file_name(kind: str, about: Iterable[str | None]) -> str:
    """Return the name of a picture's file, without its ending, from its kind and what it is about."""
    return sanitise.file_name(kind, *filter(None, about))


def save(figure: "Figure", out: Path, name: str) -> tuple[Path, Path]:
    """Write a figure as SVG and PNG and return both paths.

    Args:
        figure: The figure.
        out: The folder, which is made.
        name: The files' name without an ending.

    Raises:
        UserError: When a file cannot be written.
    """
    svg, png = out / f"{name}.svg", out / f"{name}.png"
    try:
        out.mkdir(parents=True, exist_ok=True)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # of letters that the font lacks, and of names too long for the picture
            figure.savefig(svg, metadata={"Date": None})
            figure.savefig(png, dpi=150)
    except OSError as error:
        raise UserError(f"{error.filename or out}: cannot be written: {error.strerror}") from None
    return svg, png
