"""What a row says in words, by rows made by hand."""

from typing import Any

import pytest

from fortifai.fidelity import intervals, remarks
from fortifai.fidelity.scores import Estimate, Ratio, ScoreRow
from fortifai.report.sentences import controls_sentence, further_remarks, sentence
from fortifai.report.tables import rough

TCE = "tce:gamma=0.9"


def row(**changes: Any) -> ScoreRow:
    """Return the row of an objective that lasts longer than cross entropy, over 12 chains."""
    plain: dict[str, Any] = {
        "suite": "quick@5",
        "modality": "tabular",
        "model": "gaussian-mixture-5",
        "regime": "biased",
        "strategy": "replace",
        "objective": TCE,
        "chains": 12,
        "censored": 0,
        "incomplete": 0,
        "fidelity_interval": Estimate(value=30, low=25, high=36),
        "extension_ratio": ratio(2.5, 1.8, 3.2),
        "p_value": 0.001,
        "control_false_positive_rate": None,
        "metric": "w1",
        "rule": "phi<0.75",
        "horizon": 60,
        "phi_at_generation_0": 1.0,
        "other_thresholds": None,
        "mean_over_thresholds": 20.0,
        "masked_share": 0.1,
        "reason": None,
        "pairs": 12,
    }
    return ScoreRow(**{**plain, **changes})


def ratio(value: float, low: float | None, high: float | None, *, lower_bound: bool = False) -> Ratio:
    return Ratio(value=value, low=low, high=high, lower_bound=lower_bound)


def test_above():
    assert sentence(row(), "ce") == (
        f"Under `biased`, {TCE} lasts 2.50 times as long as cross entropy [1.80, 3.20], 12 chains, p 0.001."
    )
    assert sentence(row(regime=None), "focal").startswith(f"{TCE} lasts 2.50 times as long as focal [")


def test_a_lower_bound_is_said_to_be_one():
    text = sentence(row(extension_ratio=ratio(2.5, 1.8, None, lower_bound=True), censored=11), "ce")
    assert f"{TCE} lasts at least 2.50 times as long as cross entropy [1.80, –], 12 chains, p 0.001." in text


def test_censored_chains_of_the_objective_alone():
    text = sentence(row(extension_ratio=ratio(2.5, 1.8, None, lower_bound=True), censored=12), "ce")
    assert text.endswith("p 0.001; none of its chains collapsed.")


def test_censored_chains_of_both_tell_nothing():
    censored = row(extension_ratio=ratio(1, None, None, lower_bound=True), censored=12, p_value=None, reason=intervals.NO_SPREAD)
    assert sentence(censored, "ce") == (
        f"Under `biased`, neither {TCE} nor cross entropy collapsed within 60 generations, in 12 chains: "
        "the rule does not tell them apart."
    )
    over = censored.model_copy(update={"ratio_over_thresholds": Estimate(value=1.02, low=1.01, high=None)})
    assert sentence(over, "ce").endswith(" tell them apart; over all thresholds the ratio is 1.02 [1.01, –], above 1.")
    alone = sentence(censored.model_copy(update={"regime": None}), "ce")
    assert alone.startswith(f"Neither {TCE} nor ")


def test_below():
    text = sentence(row(extension_ratio=ratio(0.5, 0.4, 0.6), p_value=0.0001), "ce")
    assert f"{TCE} collapses sooner than cross entropy: it lasts 0.50 times as long [0.40, 0.60], 12 chains, p <0.001." in text
    bound = sentence(row(extension_ratio=ratio(0.5, 0.4, 0.6, lower_bound=True), censored=1), "ce")
    assert "up to generation 60 it lasts 0.50 times as long [" in bound
    assert "at least" not in bound


@pytest.mark.parametrize("p", [0.05, 0.3, None])
def test_not_told_apart(p):
    text = sentence(row(extension_ratio=ratio(1.2, 0.9, 1.6), p_value=p, pairs=5, visible_ratio=1.71), "ce")
    assert f"no difference from cross entropy was seen for {TCE}: ER 1.20 [0.90, 1.60], 5 chains, p " in text
    assert text.endswith("; with 5 chains an ER below 1.7 may go unseen.")
    assert [rough(value) for value in (1.04, 9.96, 215.0, 123_456.0)] == ["1", "10", "220", "120,000"]
    unknown = sentence(row(extension_ratio=ratio(1.2, 0.9, 1.6), p_value=p), "ce")
    assert "unseen" not in unknown


def test_an_interval_above_1_is_no_difference_once_p_is_adjusted():
    assert "no difference" in sentence(row(extension_ratio=ratio(1.3, 1.02, 1.6), p_value=0.08), "ce")


def test_inert():
    inert = row(extension_ratio=ratio(1, 0.9, 1.1), p_value=1.0, masked_share=0.0, reason=remarks.inert("cross entropy"))
    assert sentence(inert, "ce") == f"Under `biased`, {TCE} was cross entropy: it masked nothing before the baseline's onset."


def test_a_single_chain():
    single = row(extension_ratio=ratio(3.9, None, None), p_value=None, chains=1, pairs=1, reason=f"one; {intervals.TOO_FEW}")
    assert sentence(single, "ce") == (
        f"Under `biased`, {TCE} lasted 3.90 times as long as cross entropy, in 1 chain (fewer than 3 chains: no interval)."
    )
    bound = single.model_copy(update={"extension_ratio": ratio(3.9, None, None, lower_bound=True)})
    assert "lasted at least 3.90 times" in sentence(bound, "ce")


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        (f"odd; {remarks.NO_PARTNER}", "no baseline chain of the same seed"),
        (intervals.BASELINE_LOST, "the baseline's fidelity interval is 0"),
        ("unscored: no finished chain; 1 chain without generation 0 counts as incomplete", "no finished chain"),
        ("something else", "something else"),
        (None, "it has no extension ratio"),
    ],
)
def test_without_a_ratio_it_says_why(reason, said):
    text = sentence(row(extension_ratio=None, p_value=None, reason=reason), "ce")
    assert text == f"Under `biased`, {TCE} is not compared with cross entropy: {said}."


def test_where_a_threshold_decides_both_sides_are_given():
    apart = row(extension_ratio=ratio(0.5, 0.4, 0.6), ratio_over_thresholds=Estimate(value=0.91, low=0.85, high=None))
    assert sentence(apart, "ce").endswith(
        "; the threshold decides: over all thresholds the ratio is 0.91 [0.85, –], not told from 1."
    )
    agreeing = row(ratio_over_thresholds=Estimate(value=1.5, low=1.2, high=1.8))
    assert "threshold" not in sentence(agreeing, "ce")


@pytest.mark.parametrize(
    ("start", "said"), [(1.13, "; it started better, at phi 1.13."), (0.7, "; it started worse, at phi 0.70.")]
)
def test_another_start_is_part_of_the_sentence(start, said):
    assert sentence(row(phi_at_generation_0=start), "ce").endswith(said)
    assert "started" not in sentence(row(phi_at_generation_0=1.01), "ce") + sentence(row(phi_at_generation_0=None), "ce")


def test_controls_are_counted_over_all_rows():
    quiet = [row(strategy="control", censored=12), row(strategy="control", objective="ce", censored=12)]
    assert controls_sentence(quiet) == "control: none of 24 chains crossed"
    assert controls_sentence([*quiet, row(censored=11)]) == "control: 1 of 36 chains crossed"
    assert controls_sentence([]) is None
    assert controls_sentence([row(fidelity_interval=None, censored=0)]) is None


def test_what_a_sentence_says_in_full_is_no_note_as_well():
    apart = remarks.disagreement(ratio(0.5, 0.4, 0.6), Estimate(value=1, low=0.9, high=1.1), "phi<0.75")
    parts = ["first", remarks.unseen(1.7, 5, 2), remarks.inert("cross entropy"), str(apart), "last"]
    assert further_remarks(row(reason=remarks.joined(parts))) == "first; last"
    assert further_remarks(row(reason=parts[1])) is None
    assert further_remarks(row()) is None
