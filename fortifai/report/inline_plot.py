"""Plots as part of a page: paths of SVG, in the colours of the page, which a template puts out."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup

from fortifai.fidelity.onset import Floats
from fortifai.report.axis import Axis, written
from fortifai.report.html import environment
from fortifai.report.plots import Line, Plot
from fortifai.report.style import colour_and_dashes
from fortifai.sanitise import shortened

WIDTH = 360
"""Of a plot; all lengths are in its units, of which a telephone shows about one as a pixel."""

LEFT, RIGHT, TOP, HIGH = 40, 8, 8, 178
"""What stays free beside and above the axes, and how high they are."""

BELOW, ROW, LETTER = 34, 14, 5
"""What the x axis takes below the axes, how high a row of the legend is, and how wide a letter at most."""

SAMPLE = 30
"""How long the piece of line is that stands before each name of the legend."""


DOT = "M{} {}a3 3 0 1 0 6 0a3 3 0 1 0-6 0"
"""A dot, by its left end."""


@dataclass(frozen=True)
class _Text:
    """A text of the drawing; ``look``: classes of the style sheet, which say where it is anchored."""

    text: str
    x: str
    y: str
    look: str
    turned: bool = False


@dataclass(frozen=True)
class _Path:
    d: str
    colour: int
    width: str = ""
    dashes: str = ""


@dataclass(frozen=True)
class Drawing:
    """A plot as its template puts it out: what it says to those who do not see it, and paths and texts by what they are."""

    id: str
    title: str
    description: str
    left: int
    top: int
    wide: int
    high: int
    width: int
    height: int
    grid: str
    edge: str
    limits: str
    texts: list[_Text]
    bands: list[_Path]
    lines: list[_Path]
    dots: list[_Path]
    ends: list[_Path]


def inline_plot(plot: Plot, name: str, title: str, description: str) -> Markup:
    """Return a plot as part of a page, in the page's colours.

    Args:
        plot: What is drawn.
        name: What its ids begin with, which no other plot of the page may have: letters, digits and hyphens.
        title: What it is, for those who do not see it.
        description: What it shows, likewise.
    """
    macros = environment("fortifai.report").get_template("plot.html.j2").module
    return Markup(macros.plot(_drawing(plot, name, title, description)))  # type: ignore[attr-defined]


def _drawing(plot: Plot, name: str, title: str, description: str) -> Drawing:
    names = [shortened(line.name) for line in plot.lines]
    columns = 2 if max(map(len, names)) * LETTER + SAMPLE <= (WIDTH - LEFT) / 2 else 1
    rows = -(-len(names) // columns)
    legend = TOP + HIGH + BELOW
    spots = [
        (LEFT + place // rows * (WIDTH - LEFT) / columns, legend + ROW * (place % rows) + ROW / 2) for place in range(len(names))
    ]
    of_lines = [place for place, line in enumerate(plot.lines) if not line.marks]
    of_dots = [place for place, line in enumerate(plot.lines) if line.marks]
    samples = {place: f"M{_at(spots[place][0])} {_at(spots[place][1])}h{SAMPLE - 6}" for place in of_lines}
    dots = [(place, spots[place][0] + SAMPLE / 2 - 3, spots[place][1]) for place in of_dots]
    dots += [(place, x, y) for place in of_dots for x, y in _positions(plot, plot.lines[place])]
    entries = [_Text(text, _at(x + SAMPLE), _at(y + 3), "start") for text, (x, y) in zip(names, spots, strict=True)]
    return Drawing(
        id=name,
        title=title,
        description=description,
        left=LEFT,
        top=TOP,
        wide=WIDTH - LEFT - RIGHT,
        high=HIGH,
        width=WIDTH,
        height=legend + ROW * rows,
        grid="".join(_grid(plot)),
        edge=f"M{LEFT} {TOP}v{HIGH}h{WIDTH - LEFT - RIGHT}",
        limits="".join(_limits(plot)),
        texts=[*_beside(plot), *_names_of_limits(plot), *_marks(plot), *entries],
        bands=[
            _Path(_area(plot, line.x, *line.band), colour_and_dashes(place)[0])
            for place, line in enumerate(plot.lines)
            if line.band is not None
        ],
        lines=[_styled(_route(plot, plot.lines[place]), place, plot.lines[place]) for place in of_lines],
        dots=[_Path(DOT.format(_at(x - 3), _at(y)), colour_and_dashes(place)[0]) for place, x, y in dots],
        ends=[
            *(_styled(sample, place, plot.lines[place]) for place, sample in samples.items()),
            *(
                _Path(_end(plot, line), colour_and_dashes(place)[0], "1.2")
                for place, line in enumerate(plot.lines)
                if line.is_open
            ),
        ],
    )


def _styled(d: str, place: int, line: Line) -> _Path:
    colour, dashes = colour_and_dashes(place)
    width = 2.2 if line.is_baseline else 1.6
    return _Path(d, colour, f"{width}", " ".join(f"{length * width:.3g}" for length in dashes))


def _across(axis: Axis, values: Floats) -> Floats:
    return LEFT + (WIDTH - LEFT - RIGHT) * axis.share(values)


def _up(axis: Axis, values: Floats) -> Floats:
    # A curve that leaves the axes is drawn a little way beyond them, and cut there.
    return TOP + HIGH * (1 - np.clip(axis.share(values), -1, 2))


def _at(value: float) -> str:
    """Return a length with what can be seen of it."""
    return f"{value:.1f}".removesuffix(".0")


def _points(x: Floats, y: Floats) -> list[str]:
    return [f"{_at(one)} {_at(other)}" for one, other in zip(x.tolist(), y.tolist(), strict=True)]


def _route(plot: Plot, line: Line) -> str:
    """Return the path of a line, which begins anew behind each value that is not finite."""
    x, y = line.x, line.y
    if line.as_steps:
        x, y = np.repeat(x, 2)[1:], np.repeat(y, 2)[:-1]
    return "".join(_piece(plot, x[start:end], y[start:end]) for start, end in _runs(np.isfinite(y)))


def _piece(plot: Plot, x: Floats, y: Floats) -> str:
    return "M" + "L".join(_points(_across(plot.x, x), _up(plot.y, y)))


def _area(plot: Plot, x: Floats, low: Floats, high: Floats) -> str:
    pieces = []
    for start, end in _runs(np.isfinite(low) & np.isfinite(high)):
        across = _across(plot.x, x[start:end])
        upper, lower = (_points(across, _up(plot.y, side[start:end])) for side in (high, low))
        pieces.append(f"M{'L'.join([*upper, *reversed(lower)])}Z")
    return "".join(pieces)


def _runs(is_in: "np.ndarray[tuple[int], np.dtype[np.bool_]]") -> Iterator[tuple[int, int]]:
    """Yield where each row of true values in a row begins, and where it has ended."""
    changes = np.flatnonzero(np.diff(is_in, prepend=False, append=False)).tolist()
    yield from zip(changes[::2], changes[1::2], strict=True)


def _positions(plot: Plot, line: Line) -> list[tuple[float, float]]:
    return list(zip(_across(plot.x, line.x).tolist(), _up(plot.y, line.y).tolist(), strict=True))


def _marks(plot: Plot) -> Iterator[_Text]:
    for line in plot.lines:
        for mark, (x, y) in zip(line.marks, _positions(plot, line) if line.marks else (), strict=True):
            yield _Text(shortened(mark), _at(x + 5), _at(y - 3), "start")


def _end(plot: Plot, line: Line) -> str:
    x, y = _across(plot.x, line.x[-1:])[0], _up(plot.y, line.y[-1:])[0]
    return f"M{_at(x)} {_at(y - 5)}v10"


def _places(axis: Axis) -> tuple[list[float], Floats]:
    ticks = axis.ticks()
    return ticks, np.array(ticks)


def _grid(plot: Plot) -> Iterator[str]:
    for x in _across(plot.x, _places(plot.x)[1]):
        yield f"M{_at(x)} {TOP}v{HIGH}"
    for y in _up(plot.y, _places(plot.y)[1]):
        yield f"M{LEFT} {_at(y)}h{WIDTH - LEFT - RIGHT}"


def _beside(plot: Plot) -> Iterator[_Text]:
    """Yield the ticks of both axes, and what the axes are called."""
    for tick, x in zip(plot.x.ticks(), _across(plot.x, _places(plot.x)[1]), strict=True):
        yield _Text(written(tick), _at(x), f"{TOP + HIGH + 12}", "middle")
    for tick, y in zip(plot.y.ticks(), _up(plot.y, _places(plot.y)[1]), strict=True):
        yield _Text(written(tick), f"{LEFT - 4}", _at(y + 3), "end")
    yield _Text(shortened(plot.x.label), _at((LEFT + WIDTH - RIGHT) / 2), f"{TOP + HIGH + 26}", "middle")
    yield _Text(shortened(plot.y.label), "10", _at(TOP + HIGH / 2), "middle", turned=True)


def _limits(plot: Plot) -> Iterator[str]:
    for limit in plot.limits:
        value = np.array(limit.value)
        if limit.upright:
            yield f"M{_at(float(_across(plot.x, value)))} {TOP}v{HIGH}"
        else:
            yield f"M{LEFT} {_at(float(_up(plot.y, value)))}h{WIDTH - LEFT - RIGHT}"


def _names_of_limits(plot: Plot) -> Sequence[_Text]:
    start = float(_across(plot.x, np.array(max(plot.x.low, 0.0))))
    return [
        _Text(
            shortened(limit.name),
            _at(start),
            _at(float(_up(plot.y, np.array(limit.value))) + (-3 if limit.is_above else 10)),
            "start quiet",
        )
        for limit in plot.limits
        if limit.name is not None
    ]
