"""Intervals and tests against other implementations, and their coverage."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from fortifai.fidelity.intervals import holm, mean_of, ratio_of, wilson
from fortifai.fidelity.onset import Restricted


def onsets(times, censored=None):
    times = np.asarray(times, dtype=float)
    return Restricted(times, np.zeros(times.size, dtype=bool) if censored is None else np.asarray(censored))


def jackknifed(statistic, *samples):
    """The textbook jackknife (Efron): variance (n - 1) / n * sum of squared deviations of the leave-one-out values."""
    n = len(samples[0])
    values = np.array([statistic(*(np.delete(sample, index) for sample in samples)) for index in range(n)])
    error = np.sqrt((n - 1) / n * ((values - values.mean()) ** 2).sum())
    half = stats.t.ppf(0.975, n - 1) * error
    whole = statistic(*samples)
    return np.exp([whole - half, whole + half]), 2 * stats.t.cdf(-abs(whole) / error, n - 1)


@given(st.lists(st.tuples(st.floats(0.5, 20), st.floats(0.5, 20)), min_size=3, max_size=12, unique=True))
def test_intervals_are_those_of_the_textbook_jackknife(pairs):
    onset, baseline = (np.array(column) for column in zip(*pairs, strict=True))
    ends, p = jackknifed(lambda a, b: np.log(a.mean() / b.mean()), onset, baseline)
    compared = ratio_of(onsets(onset), onsets(baseline))
    if compared.p is not None:
        assert [compared.ratio.low, compared.ratio.high] == pytest.approx(ends, rel=1e-6)
        assert compared.p == pytest.approx(p, rel=1e-5, abs=1e-12)
    estimate, reason = mean_of(onsets(onset))
    if reason is None:
        assert [estimate.low, estimate.high] == pytest.approx(jackknifed(lambda a: np.log(a.mean()), onset)[0], rel=1e-6)
        assert estimate.low * estimate.high == pytest.approx(estimate.value**2)


def test_the_interval_of_a_ratio_holds_the_truth_as_often_as_it_says():
    rng = np.random.default_rng(20)
    hits, truth, replicates = 0, 2.0, 600
    for _ in range(replicates):
        shared = rng.normal(0, 0.3, 5)
        baseline = np.exp(rng.normal(2, 0.3, 5) + shared)
        numerator = truth * np.exp(rng.normal(2, 0.3, 5) + shared)
        ratio = ratio_of(onsets(numerator), onsets(baseline)).ratio
        hits += ratio.low <= truth <= ratio.high
    assert 0.915 <= hits / replicates <= 0.98


def test_under_no_effect_p_is_below_5_percent_about_5_percent_of_the_time():
    rng = np.random.default_rng(21)
    p = [ratio_of(onsets(rng.lognormal(2, 0.4, 5)), onsets(rng.lognormal(2, 0.4, 5))).p for _ in range(600)]
    assert 0.02 <= np.mean(np.array(p) < 0.05) <= 0.085


def test_the_upper_end_needs_two_chains_that_collapsed():
    baseline = onsets([2, 3, 4])
    one = ratio_of(onsets([5, 9, 9], [False, True, True]), baseline)
    two = ratio_of(onsets([5, 6, 9], [False, False, True]), baseline)
    none = ratio_of(onsets([9, 9, 9], [True, True, True]), baseline)
    assert one.ratio.low is not None
    assert one.ratio.high is None
    assert one.ratio.lower_bound
    assert two.ratio.high is not None
    assert two.ratio.lower_bound
    assert none.ratio.high is None
    assert none.ratio.low is not None  # the baseline's spread still says how low it may be


def test_no_spread_claims_no_certainty():
    estimate, reason = mean_of(onsets([9, 9, 9], [True, True, True]))
    assert (estimate.value, estimate.low, estimate.high) == (9, None, None)
    assert "no spread" in reason
    compared = ratio_of(onsets([2, 4, 6]), onsets([1, 2, 3]))
    assert (compared.ratio.value, compared.ratio.low, compared.ratio.high, compared.p) == (2, None, None, None)
    assert "no spread" in compared.reason


@pytest.mark.parametrize("n", [1, 2])
def test_fewer_than_three_chains_give_points(n):
    compared = ratio_of(onsets([4, 6][:n]), onsets([2, 1][:n]))
    assert compared.ratio.value == pytest.approx([2, 10 / 3][n - 1])
    assert (compared.ratio.low, compared.ratio.high, compared.p) == (None, None, None)
    assert "fewer than 3" in compared.reason


def test_collapse_at_generation_0():
    zero = onsets([0, 0, 0])
    assert mean_of(zero)[0].model_dump() == {"value": 0, "low": None, "high": None}
    assert ratio_of(onsets([1, 2, 3]), zero).ratio is None
    assert "is 0" in ratio_of(onsets([1, 2, 3]), zero).reason
    assert ratio_of(zero, onsets([1, 2, 3])).ratio.value == 0
    # Leaving out the one chain that lasted leaves nothing to take the log of.
    assert mean_of(onsets([0, 0, 5]))[0].low is None


@given(st.lists(st.one_of(st.none(), st.floats(0, 1)), max_size=12))
def test_holm_is_the_textbook_procedure(p):
    adjusted = holm(p)
    known = [value for value in p if value is not None]
    for value, result in zip(p, adjusted, strict=True):
        if value is None:
            assert result is None
            continue
        # Adjusted p of H: the largest, over hypotheses no less significant, of p times how many are not more significant.
        ladder = [min(1, other * sum(third >= other for third in known)) for other in known if other <= value]
        assert result == pytest.approx(max(ladder))


@pytest.mark.parametrize(("successes", "trials"), [(0, 5), (1, 5), (5, 5), (3, 40)])
def test_a_share_has_wilsons_interval(successes, trials):
    z, share = stats.norm.ppf(0.975), successes / trials
    centre = (share + z**2 / (2 * trials)) / (1 + z**2 / trials)
    half = z / (1 + z**2 / trials) * np.sqrt(share * (1 - share) / trials + z**2 / (4 * trials**2))
    interval = wilson(successes, trials)
    assert [interval.value, interval.low, interval.high] == pytest.approx([share, centre - half, centre + half], abs=1e-12)
    by_scipy = stats.binomtest(successes, trials).proportion_ci(method="wilson")
    assert (interval.low, interval.high) == (by_scipy.low, by_scipy.high)


def test_no_control_chains_no_rate():
    assert wilson(0, 0) is None
