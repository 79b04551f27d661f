"""What is called inert: an objective that masked nothing, and was the baseline by another name, until the baseline's onset."""

import numpy as np
import pandas as pd
import pytest
from trajectory_support import distance, falling, frame, write_chain, write_run

from fortifai.fidelity import score

TCE = "tce:gamma=0.9"
BASELINE = {("ce", seed): falling(onset) for seed, onset in enumerate((2, 3, 4))}
LATE = 6
"""The first generation after those that the last onset of the baseline is read off, 4 and 5."""


def beside_the_baseline(curves, masked=0.0, objective=TCE):
    """The row of an objective whose curves, one a seed, stand beside the baseline's; ``masked``: by generation, or one number."""
    table = frame(BASELINE | {(objective, seed): values for seed, values in enumerate(curves)})
    share = masked(table["generation"]) if callable(masked) else masked
    shares = table.assign(metric="masked_share", null=np.nan, better=None, value=share)
    (row,) = [row for row in score(pd.concat([table, shares])).rows if row.objective == objective]
    return row


def same_until_late():
    """The baseline's values up to its onset, and better ones afterwards."""
    return [values[:LATE] + distance(*[0.9] * (11 - LATE)) for values in BASELINE.values()]


def is_inert(row):
    return "inert: masked nothing before the baseline's onset, so it was cross entropy" in (row.reason or "")


def test_one_that_masked_nothing_and_equals_the_baseline_until_its_onset_is_inert():
    row = beside_the_baseline(same_until_late(), masked=lambda generation: np.where(generation < LATE, 0.0, 0.3))
    assert row.masked_share == 0
    assert is_inert(row)


@pytest.mark.parametrize("objective", ["focal:gamma=2", "tce-reverse", "./mine.py:Softer"])
def test_what_an_objective_is_called_does_not_matter(objective):
    assert is_inert(beside_the_baseline(same_until_late(), objective=objective))
    different = [distance(*[0.95] * 11)] * 3
    assert not is_inert(beside_the_baseline(different, objective=objective))


def test_a_focal_loss_masks_nothing_and_is_not_cross_entropy():
    # Its factor changes the fit from the start, though no element is dropped.
    row = beside_the_baseline([falling(onset + 0.5) for onset in (2, 3, 4)], objective="focal:gamma=2")
    assert row.masked_share == 0
    assert not is_inert(row)


def test_one_that_masked_before_an_onset_is_not_inert():
    # Onsets of the baseline are 2, 3 and 4: generation 3 is before two of them, and masks a quarter and a fifth of the time.
    row = beside_the_baseline(BASELINE.values(), masked=lambda generation: np.where(generation == 3, 0.6, 0.0))
    assert row.masked_share == pytest.approx((0 + 0.6 / 4 + 0.6 / 5) / 3)
    assert not is_inert(row)


def test_one_that_masks_first_where_the_baseline_falls_is_not_inert():
    # The baseline's onset is 2.5, read off generations 2 and 3; the objective masks in generation 3, and lasts longer for it.
    baseline = {("ce", seed): falling(2.5) for seed in range(3)}
    own = {(TCE, seed): falling(2.5)[:3] + distance(*[0.74 - 0.02 * seed] * 8) for seed in range(3)}
    table = frame(baseline | own)
    masked = np.where(table["generation"] < 3, 0.0, 0.3)
    shares = table.assign(metric="masked_share", null=np.nan, better=None, value=masked)
    row = score(pd.concat([table, shares])).rows[1]
    assert row.masked_share == 0
    assert row.extension_ratio.value > 1
    assert not is_inert(row)


def test_where_the_masked_share_is_not_known_nothing_is_called_inert():
    row = beside_the_baseline(BASELINE.values(), masked=np.nan)
    assert row.masked_share is None
    assert not is_inert(row)


@pytest.mark.parametrize(("relative", "inert"), [(1e-11, True), (1e-6, False)])
def test_values_are_equal_up_to_the_last_digits(relative, inert):
    rounded = [[value * (1 + relative) for value in values] for values in BASELINE.values()]
    assert is_inert(beside_the_baseline(rounded)) is inert


def test_one_chain_that_differs_is_enough():
    curves = same_until_late()
    curves[1][1] += 0.01
    assert not is_inert(beside_the_baseline(curves))


def test_a_chain_that_diverged_before_the_baselines_onset_is_not_inert():
    curves = same_until_late()
    curves[2] = [*curves[2][:2], *[np.nan] * 9]
    assert not is_inert(beside_the_baseline(curves))


def test_it_is_the_chains_with_a_baseline_of_their_seed_that_tell():
    table = frame(BASELINE | {(TCE, seed): values for seed, values in enumerate([*same_until_late(), falling(8)])})
    shares = table.assign(metric="masked_share", null=np.nan, better=None, value=0.0)
    row = score(pd.concat([table, shares]), rule="w1>0.4").rows[1]
    assert (row.objective, row.chains) == (TCE, 4)
    assert is_inert(row)


def test_another_baseline_is_called_by_its_name():
    curves = BASELINE | {("focal:gamma=2", seed): values for (_, seed), values in BASELINE.items()}
    table = frame(curves)
    shares = table.assign(metric="masked_share", null=np.nan, better=None, value=0.0)
    rows = score(pd.concat([table, shares]), baseline="focal:gamma=2").rows
    assert "before the baseline's onset, so it was focal:gamma=2" in rows[1].reason
    assert "inert" not in (rows[0].reason or "")


def test_a_run_says_so_as_a_file_does(tmp_path):
    run = write_run(tmp_path)
    for seed in range(3):
        write_chain(run, "ce", seed, falling(2 + seed))
        write_chain(run, TCE, seed, falling(2 + seed))
        write_chain(run, "focal:gamma=2", seed, falling(3 + seed))
        write_chain(run, "Softer", seed, falling(2 + seed))  # an objective of a user's own, that left out nothing
        write_chain(run, "tce:gamma=0.5", seed, falling(2 + seed), masked=1e-9)  # one element among very many
    reasons = {row.objective: row.reason or "" for row in score(run).rows}
    assert {name for name, reason in reasons.items() if "inert" in reason} == {TCE, "Softer"}
