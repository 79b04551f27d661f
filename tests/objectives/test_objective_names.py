"""Names of objectives: one canonical spelling each, and errors that say what is wrong and what is near."""

import subprocess
import sys

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from fortifai import objectives
from fortifai.errors import UnknownName, UserError
from fortifai.objectives import (
    AdaptiveTruncation,
    CalibratedTruncation,
    CrossEntropy,
    Focal,
    OnlineTruncation,
    QuantileTruncation,
    TruncatedCrossEntropy,
    resolve,
)


def test_the_registry_knows_the_documented_objectives():
    assert list(objectives.registry) == ["ce", "focal", "tce", "tce-adaptive", "tce-calibrated", "tce-online", "tce-quantile"]
    for name in objectives.registry:
        assert objectives.registry.get(name).summary(), f"{name} has no summary"


some_objective = st.one_of(
    st.just(CrossEntropy()),
    st.builds(TruncatedCrossEntropy, gamma=st.floats(0, 1, exclude_min=True)),
    st.builds(QuantileTruncation, keep=st.floats(0, 1, exclude_min=True)),
    st.builds(AdaptiveTruncation, alpha=st.floats(-1e9, 1e9)),
    st.builds(CalibratedTruncation, dimensions=st.integers(1, 100)),
    st.builds(OnlineTruncation, gain=st.floats(0, 1e9, exclude_min=True), dimensions=st.integers(1, 100)),
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
        ("tce-online:gain=2.0", "tce-online:dimensions=1,gain=2"),
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
    objective = objectives.resolve_for(spelling, units)
    assert objective.canonical == canonical
    assert objectives.resolve_for(canonical, units) == objective


@pytest.mark.parametrize(
    ("units", "known"), [((), "this modality has one kind of element only"), (("pixel", "sample"), "known: pixel, sample")]
)
def test_a_unit_that_a_modality_does_not_have_is_refused(units, known):
    with pytest.raises(UserError, match=rf"objective 'tce:gamma=0.9,unit=row': unknown unit 'row' \({known}\)"):
        objectives.resolve_for("tce:gamma=0.9,unit=row", units)


def test_a_threshold_that_is_estimated_keeps_its_unit():
    assert resolve("tce-adaptive:unit=sample").adapt(torch.rand(32)).unit == "sample"
    assert resolve("tce-online:unit=sample").for_generation([1.0, 0.9]).unit == "sample"


def test_an_objective_passes_through():
    objective = Focal(gamma=3)
    assert resolve(objective) is objective


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("tce:gamma=0", "gamma.*greater than 0.*'0'"),
        ("tce:gamma=-0.1", "gamma.*greater than 0"),
        ("tce:gamma=1.0001", "gamma.*less than or equal to 1.*'1.0001'"),
        ("tce:gamma=nan", "gamma.*finite"),
        ("tce:gamma=inf", "gamma.*finite"),
        ("tce:gamma=high", "gamma.*number.*'high'"),
        ("tce:gama=0.5", r"gama: unknown key \(known: unit, gamma\)"),
        ("tce:gamma=0.5,gamma=0.6", "'gamma=0.6'.*each key once"),
        ("tce:gamma", "'gamma' should be key=value"),
        ("tce:gamma=", "'gamma=' should be key=value"),
        ("ce:gamma=1", "gamma: unknown key"),
        ("tce-quantile:keep=0", "keep.*greater than 0"),
        ("tce-quantile:keep=1.5", "keep.*less than or equal to 1"),
        ("tce-adaptive:alpha=nan", "alpha.*finite"),
        ("tce-online:gain=0", "gain.*greater than 0"),
        ("tce-online:dimensions=0", "dimensions.*greater than or equal to 1"),
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
