"""What a number of chains can see: by formula, by simulation, and in the words of a score."""

import csv
import math
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy import stats
from trajectory_support import falling, frame

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
import power as simulation

from fortifai.fidelity import score
from fortifai.fidelity.power import POWER, SD_LOG_RATIO, smallest_visible_ratio

ROOT = Path(__file__).parents[2]

TCE = "tce:gamma=0.9"


@pytest.mark.parametrize("chains", [3, 5, 12, 40])
@pytest.mark.parametrize("comparisons", [1, 6, 30])
def test_it_is_where_the_noncentral_t_has_the_power(chains, comparisons):
    ratio = smallest_visible_ratio(chains, comparisons, 0.3)
    critical = stats.t.isf(0.025 / comparisons, chains - 1)
    assert stats.nct.sf(critical, chains - 1, math.log(ratio) / (0.3 / math.sqrt(chains))) == pytest.approx(POWER, abs=1e-6)


def test_more_chains_see_more_and_more_comparisons_less():
    by_chains = [smallest_visible_ratio(chains, 6) for chains in (3, 4, 5, 7, 10, 12, 100)]
    assert by_chains == sorted(by_chains, reverse=True)
    by_comparisons = [smallest_visible_ratio(5, comparisons) for comparisons in (1, 2, 6, 60)]
    assert by_comparisons == sorted(by_comparisons)
    assert smallest_visible_ratio(5, 6, 0) == 1
    assert smallest_visible_ratio(2, 6) is None
    assert math.isfinite(smallest_visible_ratio(3, 1_000_000, 100))


def test_the_assumption_is_that_of_log_normal_onsets():
    rng = np.random.default_rng(0)
    scores = rng.multivariate_normal([0, 0], [[1, 0.5], [0.5, 1]], 200_000)
    onsets = np.exp(math.sqrt(math.log(1.04)) * scores)
    assert np.std(onsets, axis=0) / onsets.mean(axis=0) == pytest.approx(0.2, rel=0.01)
    assert np.std(np.log(onsets[:, 1] / onsets[:, 0])) == pytest.approx(SD_LOG_RATIO, rel=0.01)


def test_the_page_prints_what_was_simulated():
    with (ROOT / "benchmarks" / "power.csv").open(newline="") as file:
        headings, *rows = csv.reader(file)
    assert tuple(headings) == simulation.HEADINGS
    assert "\n".join(simulation.as_markdown(rows)) in (ROOT / "docs" / "scoring.md").read_text("utf-8")
    spreads = [math.sqrt(math.log(1.04) * 2 * (1 - correlation)) for correlation in simulation.CORRELATIONS]
    for chains, *cells in rows:
        formulas = [smallest_visible_ratio(int(chains), simulation.COMPARISONS, spread) for spread in spreads]
        assert [cell.split()[1] for cell in cells] == [f"({formula:.2f})" for formula in formulas]


def test_a_small_simulation_agrees_with_the_formula():
    # 400 tables: a standard error of 0.02 in the power.
    rng = np.random.default_rng(5)
    scores = rng.standard_normal((400, 2, 7))
    onsets = np.exp(math.sqrt(math.log(1.04)) * scores)
    ratio = smallest_visible_ratio(7, 1, math.sqrt(2 * math.log(1.04)))
    assert simulation.share_found(ratio, onsets, [[]] * 400) == pytest.approx(POWER, abs=4 * 0.02)


def test_a_row_without_a_difference_says_what_would_have_been_seen():
    ce = {("ce", seed): falling(2 + seed / 5) for seed in range(4)}
    same = {("focal:gamma=2", seed): falling(2 + seed / 5 + (-1) ** seed / 3) for seed in range(4)}
    longer = {(TCE, seed): falling(5 + seed / 5) for seed in range(4)}
    table = frame(ce | same | longer)
    baseline, focal, tce = score(table).rows
    own, other = (np.array([table_onset(table, name, seed) for seed in range(4)]) for name in ("focal:gamma=2", "ce"))
    pseudo = 4 * np.log(own.sum() / other.sum()) - 3 * np.log((own.sum() - own) / (other.sum() - other))
    visible = smallest_visible_ratio(4, 2, float(np.std(pseudo, ddof=1)))
    assert (
        "no difference seen: with 4 chains of this spread and 2 comparisons, an ER is found with a chance of 80 % from "
        in focal.reason
    )
    assert f"from {visible:.3g} on, or below its inverse" in focal.reason
    assert focal.p_value > 0.05 > tce.p_value
    assert "no difference seen" not in (tce.reason or "") + (baseline.reason or "")


def table_onset(table, objective, seed):
    """Where phi, a straight line from 1, is 3/4."""
    own = table[(table["objective"] == objective) & (table["seed"] == seed)]["value"].to_numpy()
    return 0.25 / ((own[1] - own[0]) / 0.8)
