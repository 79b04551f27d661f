"""The sentence on what came out of a regime."""

from trajectory_support import distance, falling, frame

from fortifai.fidelity.scoring import score
from fortifai.report.headline import headline


def rows_of(onsets, horizon=10, **columns):
    """Return the score of chains of seven seeds: by objective, the mean onset."""
    curves = {(name, s): falling(onset + s / 20, horizon) for name, onset in onsets.items() for s in range(7)}
    return score(frame(curves, **{"strategy": "replace", **columns})).rows


def test_what_lasts_longest_is_named_with_its_ratio():
    text = headline(rows_of({"ce": 2, "tce": 4, "focal": 3}))
    assert text.startswith(
        "ce stays faithful for 2.15 of 10 generations under replace; tce lasts longest, for 4.15 of 10 generations: 1.9"
    )
    assert text.endswith("times as long.")


def test_a_chain_that_never_collapses_makes_it_at_least():
    assert "tce lasts longest, for at least 10.0 of 10 generations: ≥ 4.65" in headline(rows_of({"ce": 2, "tce": 40}))


def test_what_is_not_told_apart_is_not_called_longer():
    curves = {("ce", s): falling(2 + s) for s in range(6)} | {("tce", s): falling(7.2 - s) for s in range(6)}
    text = headline(score(frame(curves, strategy="replace")).rows)
    assert "; nothing is shown to last longer, tce comes nearest with " in text


def test_where_all_others_are_worse_none_is_praised():
    assert headline(rows_of({"ce": 5, "tce-reverse": 2})).endswith("under replace; no other objective lasts as long.")


def test_each_strategy_has_a_sentence_and_control_chains_none():
    rows = [*rows_of({"ce": 2}, strategy="control"), *rows_of({"ce": 2}, strategy="accumulate"), *rows_of({"ce": 3})]
    sentence = "ce stays faithful for {} of 10 generations under {}.".format
    assert headline(rows) == f"{sentence('2.15', 'accumulate')} {sentence('3.15', 'replace')}"
    assert headline(rows[:1]) == "Only control chains were scored."


def test_what_could_not_be_scored_is_said():
    rows = score(frame({("ce", 0): distance(-1, -2)}, strategy="replace")).rows
    assert headline(rows) == "Nothing could be scored under replace."
