"""Survival curves against our own numbers, and the pictures that are drawn of a score."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from fidelity_support import distance, falling, frame
from hypothesis import given, settings
from hypothesis import strategies as st

from fortifai.cli import main
from fortifai.errors import UserError
from fortifai.fidelity.intervals import mean_of
from fortifai.fidelity.onset import Restricted
from fortifai.report import plot
from fortifai.report.style import DASHES, OKABE_ITO, heading, look
from fortifai.report.survival import restricted_mean, steps

TABLE = frame({(o, s): falling(t + s) for o, t in (("ce", 2), ("tce:gamma=0.9", 5)) for s in range(3)}, strategy="replace")


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(0.01, 30), min_size=1, max_size=12), st.integers(1, 20))
def test_the_area_under_the_survival_curve_is_the_fidelity_interval(times, horizon):
    onsets = Restricted(np.minimum(times, horizon), np.array(times) > horizon)
    assert restricted_mean(onsets, horizon) == pytest.approx(mean_of(onsets)[0].value)


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


def test_what_cannot_be_drawn_is_answered(tmp_path):
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
    assert heading(("a" * 200, "b"), 7) == "a" * 200 + "\nb"
    assert heading(("quick@2", "replace"), 7) == "quick@2 · replace"


def test_the_command_draws_and_still_prints_one_document(tmp_path, monkeypatch, capsys):
    TABLE.to_csv(tmp_path / "t.csv", index=False)
    monkeypatch.setattr(sys, "argv", ["fortifai", "score", str(tmp_path / "t.csv"), "--plot", str(tmp_path / "p"), "--json"])
    with pytest.raises(SystemExit) as end:
        main()
    said = capsys.readouterr()
    assert (end.value.code or 0, said.out[0], said.err) == (0, "{", f"6 pictures in {tmp_path / 'p'}\n")


def test_thresholds_that_controls_set_are_drawn_for_each_metric(tmp_path, monkeypatch, capsys):
    controls = frame({("ce", seed): distance(1, 0.95 - seed / 200, 1) for seed in range(20)}, strategy="control")
    table = pd.concat([controls, frame({("ce", seed): distance(1, 0.9, 0.1) for seed in range(3)}, strategy="replace")])
    worse = table.assign(metric="w2", value=table["value"] + 0.3 * (table["generation"] == 1))
    pd.concat([table, worse]).to_csv(tmp_path / "t.csv", index=False)
    argv = ["fortifai", "score", str(tmp_path / "t.csv"), "--calibrate-threshold", "0.05", "--plot", str(tmp_path / "p")]
    monkeypatch.setattr(sys, "argv", argv)
    with pytest.raises(SystemExit):
        main()
    said = capsys.readouterr()
    assert "phi<0.86" in said.out
    assert "phi<0.485" in said.out
    assert said.err == f"24 pictures in {tmp_path / 'p'}\n"
    for metric, rule in (("w1", "phi&lt;0.86"), ("w2", "phi&lt;0.485")):
        assert rule in (tmp_path / "p" / f"survival-replace-{metric}.svg").read_text()


def test_pictures_need_no_torch_and_the_command_line_no_matplotlib():
    code = "import sys, fortifai.report.pictures; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
    code = (
        "import sys, fortifai.report, fortifai.cli.app; sys.exit(bool({'matplotlib', 'lifelines', 'scipy'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
