"""Plots as part of a page: where lines, gaps and ticks are, and that names are text."""

import re

import numpy as np
import pytest
from html_support import parse
from trajectory_support import falling, frame

from fortifai.fidelity.trajectories.groups import Group
from fortifai.fidelity.trajectories.source import load
from fortifai.report.axis import Axis, written
from fortifai.report.inline_plot import HIGH, LEFT, RIGHT, TOP, WIDTH, inline_plot
from fortifai.report.plots import Limit, Line, Plot, plots_of

EVERYWHERE = Group(None, None, None, None, None)


def plot(*lines: Line, limits: tuple[Limit, ...] = ()) -> Plot:
    names = tuple(line.name for line in lines)
    return Plot("fidelity", EVERYWHERE, None, names, Axis("x", 0, 10), Axis("y", 0, 1), lines, limits)


def svg(shown: Plot):
    (root,) = parse(str(inline_plot(shown, "one", "a title", "a description"))).all("svg")
    return root


def of_class(root, name):
    return [element for element in root.everything() if name in element.attributes.get("class", "").split()]


def test_a_line_runs_from_corner_to_corner():
    line = of_class(svg(plot(Line("a", np.array([0.0, 10]), np.array([0.0, 1])))), "line")[0]
    assert line.attributes["d"] == f"M{LEFT} {TOP + HIGH}L{WIDTH - RIGHT} {TOP}"


def test_a_line_has_a_gap_where_a_value_is_not_finite():
    y = np.array([0.5, np.nan, 0.5, 0.4, -np.inf])
    drawn, _ = of_class(svg(plot(Line("a", np.arange(5.0), y, band=(y, y)))), "line")
    assert drawn.attributes["d"].count("M") == 2
    assert len(of_class(svg(plot(Line("a", np.arange(5.0), y, band=(y, y)))), "band")) == 1


def test_a_step_line_keeps_a_value_up_to_the_next():
    line = Line("a", np.array([0.0, 5, 10]), np.array([1.0, 0.5, 0.5]), as_steps=True, is_open=True)
    route, *_ = of_class(svg(plot(line)), "line")
    middle = (LEFT + WIDTH - RIGHT) // 2
    assert route.attributes["d"].startswith(f"M{LEFT} {TOP}L{middle} {TOP}L{middle} {TOP + HIGH // 2}")
    assert len(of_class(svg(plot(line)), "line")) == 3  # with its sample in the legend, and the mark of an open end


def test_names_are_text_and_the_same_as_everywhere():
    name = '</svg><script>alert(1)</script>$x$ "\x1b[2J'
    root = svg(plot(Line(name, np.arange(2.0), np.zeros(2)), limits=(Limit(0.5, name=name),)))
    shown = [text.source for text in root.all("text") if "script" in text.source]
    assert shown == [name.replace("\x1b", r"\x1b")] * 2
    assert not root.all("script")


def test_an_eighth_line_has_the_colour_of_the_first_with_other_dashes():
    lines = [Line(str(place), np.arange(2.0), np.zeros(2)) for place in range(8)]
    first, *_, last = of_class(svg(plot(*lines)), "line")[:8]
    assert "stroke-0" in first.attributes["class"]
    assert "stroke-0" in last.attributes["class"]
    assert "stroke-dasharray" not in first.attributes
    assert last.attributes["stroke-dasharray"]


@pytest.mark.parametrize(
    ("axis", "ticks"),
    [
        (Axis("", 0, 1), ["0", "0.2", "0.4", "0.6", "0.8", "1"]),
        (Axis("", -0.03, 1.05), ["0", "0.2", "0.4", "0.6", "0.8", "1"]),
        (Axis("", 0, 2, whole=True), ["0", "1", "2"]),
        (Axis("", -10, 210, whole=True), ["0", "50", "100", "150", "200"]),
        (Axis("", 0, 300, scale="from 0"), ["0", "1", "10", "100"]),
        (Axis("", 0.8, 30, scale="log"), ["1", "2", "5", "10", "20"]),
        (Axis("", 0.9, 1.65, scale="log"), ["1", "1.2", "1.4", "1.6"]),
        (Axis("", 0.05, 3000, scale="log"), ["0.1", "1", "10", "100", "1000"]),
    ],
)
def test_ticks_are_round_numbers_within_the_axis(axis, ticks):
    assert [written(tick) for tick in axis.ticks()] == ticks
    shares = axis.share(np.array(axis.ticks()))
    assert (np.diff(shares) > 0).all()
    assert shares.min() >= 0
    assert shares.max() <= 1


def test_every_line_lies_within_its_axes():
    table = frame({(o, s): falling(t + s) for o, t in (("ce", 2), ("tce:gamma=0.9", 5)) for s in range(3)})
    for shown in plots_of(load(table, None, "ce", None, None), "ce"):
        assert shown.x.low < shown.x.high
        for line in shown.lines:
            assert ((line.x >= shown.x.low) & (line.x <= shown.x.high)).all()
        for path in of_class(svg(shown), "line"):
            assert all(0 <= float(number) <= WIDTH for number in re.findall(r"\d+(?:\.\d+)?", path.attributes["d"]))
