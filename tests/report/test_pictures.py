"""Survival curves against our own numbers, and the pictures that are drawn of a score."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lifelines import KaplanMeierFitter
from trajectory_support import distance, falling, frame

from fortifai.errors import UserError
from fortifai.fidelity import score
from fortifai.fidelity.intervals import mean_of
from fortifai.fidelity.onset import Restricted
from fortifai.report import plot
from fortifai.report.style import DASHES, OKABE_ITO, heading, look
from fortifai.report.survival import steps

TABLE = frame({(o, s): falling(t + s) for o, t in (("ce", 2), ("tce:gamma=0.9", 5)) for s in range(3)}, strategy="replace")


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(0.01, 30), min_size=1, max_size=12), st.integers(1, 20))
def test_the_area_under_the_survival_curve_is_the_fidelity_interval(times, horizon):
    onsets = Restricted(np.minimum(times, horizon), np.array(times) > horizon)
    generation, share = steps(onsets, horizon)
    assert (np.diff(generation) * share[:-1]).sum() == pytest.approx(mean_of(onsets)[0].value)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(0.01, 30), min_size=1, max_size=12), st.integers(1, 20))
def test_the_survival_curve_is_that_of_kaplan_and_meier(times, horizon):
    onsets = Restricted(np.minimum(times, horizon), np.array(times) > horizon)
    generation, share = steps(onsets, horizon)
    reference = KaplanMeierFitter().fit(onsets.times, event_observed=~onsets.censored)
    assert share == pytest.approx(reference.survival_function_at_times(generation).to_numpy())


def test_a_survival_curve_falls_by_one_chain_at_each_onset():
    generation, share = steps(Restricted(np.array([2.0, 5.0, 10.0]), np.array([False, False, True])), 10)
    assert list(generation) == [0, 2, 5, 10]
    assert list(share) == pytest.approx([1, 2 / 3, 1 / 3, 1 / 3])
    ended = steps(Restricted(np.array([2.0]), np.array([False])), 10)
    assert [list(part) for part in ended] == [[0, 2, 10], [1, 0, 0]]


def test_three_pictures_of_every_group_in_two_formats(tmp_path):
    written = plot(TABLE, tmp_path / "new")
    assert sorted(path.name for path in written) == [
        f"{kind}-replace-w1.{ending}" for kind in ("fidelity", "survival", "threshold") for ending in ("png", "svg")
    ]
    assert (tmp_path / "new" / "fidelity-replace-w1.png").read_bytes().startswith(b"\x89PNG")
    drawn = (tmp_path / "new" / "fidelity-replace-w1.svg").read_text("utf-8")
    assert "tce:gamma=0.9 (3)" in drawn
    assert OKABE_ITO[1].lower() in drawn


def test_the_same_data_give_the_same_picture(tmp_path):
    one, two = (plot(TABLE, tmp_path / name)[0].read_bytes() for name in "ab")
    assert one == two


def test_a_chain_that_diverged_can_be_drawn(tmp_path):
    lost = frame({("ce", 0): [*distance(1, 0.9), float("nan")], ("ce", 1): distance(1, 0.9, 0.8), ("x", 0): [float("nan"), 1]})
    assert len(plot(lost, tmp_path)) == 6


def test_by_a_metric_there_is_no_fidelity_to_vary_the_threshold_of(tmp_path):
    assert {path.name.partition("-")[0] for path in plot(TABLE, tmp_path, rule="w1>0.5")} == {"fidelity", "survival"}


def test_what_cannot_be_drawn_or_written_is_refused(tmp_path):
    with pytest.raises(UserError, match="nothing to draw"):
        plot(frame({("ce", 0): distance(1)}), tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot be written"):
        plot(TABLE, tmp_path / "file")


def test_lines_differ_without_their_colour():
    assert len(set(map(str, DASHES))) == len(DASHES) == len(set(OKABE_ITO)) == len(OKABE_ITO)
    seven = [str(look(place)["linestyle"]) for place in range(7)]
    assert len(set(seven)) == 7


def test_more_lines_than_colours_are_still_told_apart():
    assert len({str(look(place)) for place in range(49)}) == 49


def test_a_title_that_would_be_cut_off_is_broken_between_its_parts():
    parts = (
        "text-lm@1+0123456789",
        None,
        "text",
        "llama-3.2-1b",
        "fully-synthetic",
        "anchored:anchor=fresh,real=0.25",
        "bigram_js",
    )
    lines = heading(parts, 7).splitlines()
    assert len(lines) == 2
    assert max(map(len, lines)) <= 84
    assert " · ".join(lines) == " · ".join(part for part in parts if part)
    assert heading(("a" * 200, "b" * 30), 7) == "a" * 59 + "…\n" + "b" * 30
    assert heading(("quick@2", "replace"), 7) == "quick@2 · replace"


def drawn_lines(monkeypatch):
    """Return a list that fills with the lines of every picture: the title of its y axis, and for each line its x and y."""
    pictures = []

    def keep(figure, out, name):
        (axes,) = figure.axes
        pictures.append((name.partition("-")[0], axes))
        return out / f"{name}.svg", out / f"{name}.png"

    monkeypatch.setattr("fortifai.report.pictures.save", keep)
    return pictures


def test_pictures_end_where_the_table_does(tmp_path, monkeypatch):
    pictures = drawn_lines(monkeypatch)
    # The baseline was stopped after its onset, at 4; the other is watched to 10 and collapses at 8.
    table = frame({("ce", s): falling(2 + s / 9, 4) for s in range(3)} | {("tce", s): falling(8 + s / 9) for s in range(3)})
    for asked in (None, 6):
        plot(table, tmp_path, horizon=asked)
        axes = dict(pictures)
        rows = {row.objective: row for row in score(table, horizon=asked).rows}
        assert rows["tce"].horizon == (asked or 10)
        names = axes["survival"].get_legend_handles_labels()[1]
        assert names == [f"{name} (FI {rows[name].fidelity_interval.value:.3g})" for name in ("ce", "tce")]
        assert axes["survival"].get_xlim()[1] == rows["tce"].horizon
        by_tau = axes["threshold"].get_lines()[1]
        assert np.mean(by_tau.get_ydata()) == pytest.approx(rows["tce"].mean_over_thresholds, rel=0.005)
        assert max(axes["fidelity"].get_lines()[0].get_xdata()) == 4, "a chain is not drawn where it was not watched"


def test_a_two_sided_rule_is_drawn_as_the_metric_between_two_lines(tmp_path, monkeypatch):
    pictures = drawn_lines(monkeypatch)
    table = frame({("ce", 0): [3, 3.2, 2, 1], ("ce", 1): [3, 2.9, 3.1, 5]})
    plot(table, tmp_path, rule="|w1-3|>0.5")
    curve, *limits = dict(pictures)["fidelity"].get_lines()
    assert list(curve.get_ydata()) == pytest.approx([3, 3.05, 2.55, 3])
    assert [line.get_ydata()[0] for line in limits] == [3.5, 2.5]
