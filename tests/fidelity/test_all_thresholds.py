"""The ratio of the means over all thresholds: what it is, what it is tested by, and what is said where a threshold decides."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from trajectory_support import distance, falling, frame

from fortifai.fidelity import score
from fortifai.fidelity.intervals import holm
from fortifai.fidelity.scores import ScoreTable
from fortifai.leaderboard.schema import Leaderboard
from fortifai.report.tables import as_text

TCE, FOCAL = "tce:gamma=0.9", "focal:gamma=2"
ONSETS = {"ce": (2, 2.2, 2.5), TCE: (3, 4, 7), FOCAL: (2.1, 2, 2.6)}


def lines(onsets):
    return frame({(name, seed): falling(onset) for name, own in onsets.items() for seed, onset in enumerate(own)})


def area(onset, horizon=10):
    """The mean over tau of min(onset by tau, horizon), of a line that crosses tau at 4 (1 - tau) times its onset at 3/4."""
    end = 4 * onset
    return end / 2 if end <= horizon else horizon - horizon**2 / (2 * end)


def jackknifed(own, baseline):
    """Return ratio, interval and p, from the t test of SciPy on the pseudo-values."""
    own, baseline, n = np.array(own), np.array(baseline), len(own)
    whole = np.log(own.sum() / baseline.sum())
    pseudo = n * whole - (n - 1) * np.log((own.sum() - own) / (baseline.sum() - baseline))
    half = stats.t.ppf(0.975, n - 1) * stats.sem(pseudo)
    # The interval is around the ratio itself, not around the mean of the pseudo-values.
    return np.exp([whole, whole - half, whole + half]), 2 * stats.t.sf(abs(whole) / stats.sem(pseudo), n - 1)


def test_it_is_the_ratio_of_areas_with_the_interval_and_p_of_an_extension_ratio():
    rows = {row.objective: row for row in score(lines(ONSETS)).rows}
    tests = {name: jackknifed(list(map(area, ONSETS[name])), list(map(area, ONSETS["ce"]))) for name in (FOCAL, TCE)}
    adjusted = dict(zip(tests, holm([float(p) for _, p in tests.values()]), strict=True))
    for name, (ends, _) in tests.items():
        ratio = rows[name].ratio_over_thresholds
        assert [ratio.value, ratio.low, ratio.high] == pytest.approx(ends, rel=1e-3)
        assert rows[name].p_value_over_thresholds == pytest.approx(adjusted[name], rel=1e-2)
        assert ratio.value == pytest.approx(rows[name].mean_over_thresholds / rows["ce"].mean_over_thresholds)
    assert rows["ce"].ratio_over_thresholds is rows["ce"].p_value_over_thresholds is None


def test_a_rule_on_a_metric_has_none():
    rows = score(lines(ONSETS), rule="w1>0.4").rows
    assert {(row.ratio_over_thresholds, row.p_value_over_thresholds) for row in rows} == {(None, None)}


def test_it_is_taken_over_the_seeds_of_both_and_unpaired_where_there_are_none():
    four = {**ONSETS, TCE: (3, 4, 7, 9)}
    paired, whole = (score(lines(onsets)).rows[2].ratio_over_thresholds for onsets in (four, ONSETS))
    assert paired == whole
    table = lines(ONSETS)
    apart = table.assign(seed=table["seed"] + 10 * (table["objective"] == TCE))
    unpaired = score(apart).rows[2].ratio_over_thresholds
    assert unpaired.value == pytest.approx(whole.value)
    assert unpaired.high != pytest.approx(whole.high)


def test_its_upper_end_is_open_where_hardly_a_chain_lost_half():
    # Onsets at 3/4 of 6 and more are at 1/2 from 12 on, beyond the horizon.
    row = score(lines({"ce": ONSETS["ce"], TCE: (4, 8, 9)})).rows[1]
    assert row.ratio_over_thresholds.low > 1
    assert row.ratio_over_thresholds.high is None
    assert row.extension_ratio.high is not None


def later(start, end):
    """A chain that falls to 3/4 as the baseline does, and is at 1/2 later."""
    return distance(*np.interp(np.arange(11), [0, start, end, 10], [1, 0.74, 0.5, 0.45]))


def test_where_one_threshold_decides_it_is_said():
    ce = {("ce", seed): falling(2 + seed / 5) for seed in range(4)}
    late = ce | {(TCE, seed): later(2.02 + seed / 5 + (-1) ** seed / 9, 8 + seed / 9) for seed in range(4)}
    rows = score(frame(late)).rows
    assert rows[1].extension_ratio.low < 1 < rows[1].ratio_over_thresholds.low
    said = "the threshold decides: the ratio is not told from 1 by phi<0.75, and above 1 over all thresholds"
    assert said in rows[1].reason
    assert "the threshold decides" not in (rows[0].reason or "")
    by_half = score(frame(late), rule="phi<0.5").rows[1]
    assert by_half.extension_ratio.low > 1
    assert "the threshold decides" not in (by_half.reason or "")


def test_it_is_in_the_table_for_people_and_for_programs():
    table = score(lines(ONSETS))
    headings, rows = as_text(table)
    ratio = table.rows[2].ratio_over_thresholds
    shown = rows[2][headings.index("ER, all thresholds")]
    assert shown == f"{ratio.value:.2f} [{ratio.low:.2f}, {ratio.high:.2f}]"
    assert rows[0][headings.index("p, all thresholds")] == "–"
    data = table.to_frame()
    assert data["ratio_over_thresholds_low"][2] == ratio.low
    assert pd.isna(data["ratio_over_thresholds"][0])


@pytest.mark.parametrize("kind", [ScoreTable, Leaderboard])
def test_files_of_before_are_read_and_new_ones_say_what_they_are(kind):
    assert kind.readable == (1, 2)
    assert kind.model_fields["schema_version"].default == 2


def test_a_score_of_version_1_is_read(tmp_path):
    document = score(lines(ONSETS)).model_dump(mode="json")
    for row in document["rows"]:
        del row["ratio_over_thresholds"], row["p_value_over_thresholds"]
    old = ScoreTable.model_validate({**document, "schema": 1})
    (tmp_path / "t.json").write_text(old.model_dump_json(exclude={"rows": {"__all__": {"ratio_over_thresholds"}}}))
    assert ScoreTable.load(tmp_path / "t.json").rows[2].ratio_over_thresholds is None
