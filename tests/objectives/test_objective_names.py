"""Names of objectives: one canonical spelling each, and errors that say what is wrong and what is near."""

import subprocess
import sys

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from objectives_support import in_a_chain

from fortifai import objectives
from fortifai.errors import UnknownName, UserError
from fortifai.objectives import (
    AdaptiveTruncation,
    AnchoredTruncation,
    CalibratedTruncation,
    ClippedFocal,
    CrossEntropy,
    Elements,
    EntropyWeighted,
    Focal,
    OnlineTruncation,
    QuantileTruncation,
    ReverseTruncation,
    TruncatedCrossEntropy,
    resolve,
)


def test_the_registry_knows_the_documented_objectives():
    assert list(objectives.registry) == [
        "ce",
        "clpfocal",
        "decision",
        "entropy",
        "focal",
        "tce",
        "tce-adaptive",
        "tce-anchored",
        "tce-calibrated",
        "tce-online",
        "tce-quantile",
        "tce-reverse",
    ]
    for name in objectives.registry:
        assert objectives.registry.get(name).summary(), f"{name} has no summary"


some_objective = st.one_of(
    st.just(CrossEntropy()),
    st.builds(TruncatedCrossEntropy, gamma=st.floats(0, 1e9, exclude_min=True), scale=st.sampled_from([None, "relative"])),
    st.builds(QuantileTruncation, keep=st.floats(0, 1, exclude_min=True)),
    st.builds(AdaptiveTruncation, alpha=st.floats(-1e9, 1e9)),
    st.builds(CalibratedTruncation, dimensions=st.integers(1, 100)),
    st.builds(AnchoredTruncation, q=st.floats(0, 1, exclude_min=True)),
    st.builds(OnlineTruncation, unit=st.sampled_from([None, "sample"])),
    st.builds(ReverseTruncation, keep=st.floats(0, 1, exclude_min=True)),
    st.builds(ClippedFocal, gamma=st.floats(0, 1e9), clip=st.floats(0, 1, exclude_min=True)),
    st.builds(EntropyWeighted, gamma=st.floats(0, 1)),
    st.builds(Focal, gamma=st.floats(0, 1e9)),
)


@given(some_objective)
def test_a_canonical_name_names_its_objective(objective):
    again = resolve(objective.canonical)
    assert again == objective
    assert again.canonical == str(objective) == objective.canonical


@pytest.mark.parametrize(
    ("spelling", "canonical"),
    [
        ("ce", "ce"),
        ("tce", "tce:gamma=0.9"),
        ("tce:", "tce:gamma=0.9"),
        (" tce : gamma = 0.90 ", "tce:gamma=0.9"),
        ("tce:gamma=1.0", "tce:gamma=1"),
        ("tce:gamma=9e-1", "tce:gamma=0.9"),
        ("tce-quantile", "tce-quantile:keep=0.98"),
        ("tce-adaptive:alpha=-1", "tce-adaptive:alpha=-1"),
        ("tce-anchored", "tce-anchored:q=0.99"),
        ("tce:scale=relative,gamma=0.5", "tce:gamma=0.5,scale=relative"),
        ("focal", "focal:gamma=2"),
    ],
)
def test_every_spelling_has_one_canonical_name(spelling, canonical):
    assert resolve(spelling).canonical == canonical


@pytest.mark.parametrize(
    ("spelling", "units", "canonical"),
    [
        ("tce:gamma=0.9", (), "tce:gamma=0.9"),
        ("tce:gamma=0.9", ("pixel", "sample"), "tce:gamma=0.9,unit=pixel"),
        ("tce:unit=sample,gamma=0.9", ("pixel", "sample"), "tce:gamma=0.9,unit=sample"),
        ("focal", ("pixel", "sample"), "focal:gamma=2,unit=pixel"),
        ("ce", ("pixel", "sample"), "ce"),
    ],
)
def test_where_there_is_a_choice_of_units_a_name_says_which(spelling, units, canonical):
    objective = objectives.resolve_for(spelling, Elements(units))
    assert objective.canonical == canonical
    assert objectives.resolve_for(canonical, Elements(units)) == objective


PROBABILITY, DENSITY = Elements(), Elements(density=True, relative=True)


@pytest.mark.parametrize(
    ("spelling", "elements", "message"),
    [
        ("tce:gamma=1.5", PROBABILITY, "confidence is at most 1 in this modality, so gamma must be too"),
        ("tce:gamma=1.5,scale=relative", DENSITY, "confidence is at most 1 in this modality, so gamma must be too"),
        ("tce:scale=relative", PROBABILITY, "this modality has no relative scale: leave out scale=relative"),
        ("focal", DENSITY, "needs a confidence of at most 1, and a density has no upper bound: add scale=relative"),
        ("clpfocal", DENSITY, "needs a confidence of at most 1, and a density has no upper bound: add scale=relative"),
        ("entropy", DENSITY, "needs a confidence of at most 1, and a density has no upper bound: add scale=relative"),
    ],
)
def test_a_scale_that_would_mean_nothing_is_refused(spelling, elements, message):
    with pytest.raises(UserError, match=message):
        objectives.resolve_for(spelling, elements)


@pytest.mark.parametrize("spelling", ["tce:gamma=1.5", "tce-adaptive", "focal:scale=relative", "tce-anchored", "tce-quantile"])
def test_of_a_density_a_threshold_may_be_any_likelihood(spelling):
    assert objectives.resolve_for(spelling, DENSITY) == resolve(spelling)


@pytest.mark.parametrize(
    ("units", "known"), [((), "this modality has one kind of element only"), (("pixel", "sample"), "known: pixel, sample")]
)
def test_a_unit_that_a_modality_does_not_have_is_refused(units, known):
    with pytest.raises(UserError, match=rf"objective 'tce:gamma=0.9,unit=row': unknown unit 'row' \({known}\)"):
        objectives.resolve_for("tce:gamma=0.9,unit=row", Elements(units))


def test_a_threshold_that_is_estimated_keeps_its_unit():
    assert resolve("tce-adaptive:unit=sample").adapt(torch.rand(32)).unit == "sample"
    assert in_a_chain("tce-online:unit=sample").unit == "sample"
    assert in_a_chain("tce-anchored:unit=sample").unit == "sample"


def test_an_objective_passes_through():
    objective = Focal(gamma=3)
    assert resolve(objective) is objective


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("tce:gamma=0", "gamma.*greater than 0.*'0'"),
        ("tce:gamma=-0.1", "gamma.*greater than 0"),
        ("tce:gamma=2e9", "gamma.*at most 1,000,000,000"),
        ("tce:gamma=nan", "gamma.*finite"),
        ("tce:gamma=inf", "gamma.*finite"),
        ("tce:gamma=high", "gamma.*number.*'high'"),
        ("tce:gama=0.5", r"gama: unknown key \(known: unit, scale, gamma\)"),
        ("tce:gamma=0.5,gamma=0.6", "'gamma=0.6'.*each key once"),
        ("tce:gamma", "'gamma' should be key=value"),
        ("tce:gamma=", "'gamma=' should be key=value"),
        ("ce:gamma=1", "gamma: unknown key"),
        ("tce-quantile:keep=0", "keep.*greater than 0"),
        ("tce-quantile:keep=1.5", "keep.*less than or equal to 1"),
        ("tce-adaptive:alpha=nan", "alpha.*finite"),
        ("tce-online:gain=1", "gain: unknown key"),
        ("tce-anchored:q=0", "q.*greater than 0"),
        ("tce:scale=absolute", "scale.*'relative'"),
        ("focal:gamma=-1", "gamma.*greater than or equal to 0"),
        ("focal:gamma=1e400", "gamma.*finite"),
    ],
)
def test_a_wrong_parameter_is_named_with_what_is_wrong(text, message):
    with pytest.raises(UserError, match=message) as caught:
        resolve(text)
    assert f"objective {text!r}" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("text", "nearest"), [("tec", "'tce'"), ("tce-quantil:keep=0.5", "'tce-quantile'"), ("focl", "'focal'")])
def test_an_unknown_objective_is_answered_with_the_nearest(text, nearest):
    with pytest.raises(UnknownName, match=f"unknown objective .*did you mean .*{nearest}.*fortifai list objectives"):
        resolve(text)


def test_an_objective_cannot_be_changed():
    objective = TruncatedCrossEntropy(gamma=0.5)
    with pytest.raises(ValueError, match="frozen"):
        objective.gamma = 0.6


def test_naming_an_objective_does_not_load_torch():
    code = "import sys; from fortifai.objectives import resolve; resolve('tce:gamma=0.5'); assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
