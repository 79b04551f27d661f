"""Checks are chosen by the declaration, and end as passed, failed, skipped or as an expected failure."""

from dataclasses import replace

import pytest
from mistakes_support import MISTAKES, RIGHT

from fortifai.conformance.catalogue import checks_of
from fortifai.conformance.running import check_adapter
from fortifai.contract.declaration import Example, ModalityDeclaration, modalities
from fortifai.errors import UserError
from fortifai.testing import parametrize_with_checks

SHARPER = MISTAKES["AlwaysSharper"].declaration
CHECK = "temperature_1_is_as_fitted"


def end(declaration: ModalityDeclaration, check: str = CHECK, *settings: str) -> tuple[str, str]:
    (outcome,) = check_adapter(declaration, settings, [check])
    return outcome.state, outcome.reason or ""


def test_what_is_checked_goes_by_the_declaration() -> None:
    gaussian, table, text = (
        {check.name for check in checks_of(modalities.get(m))} for m in ("analytic-gaussian", "tabular", "text")
    )
    assert table - gaussian == {"every_unit_is_weighed", "an_absent_device_is_refused", "a_missing_requirement_is_named"}
    assert "the_relative_scale_is_used" in gaussian - text


def test_a_failure_says_what_was_expected_and_what_came() -> None:
    state, reason = end(SHARPER)
    assert state == "failed"
    assert reason.startswith("expected samples no likelier than what the model was fitted to, in nats, got ")


def test_an_error_of_the_adapter_is_a_failure_of_the_check() -> None:
    state, reason = end(MISTAKES["RawKeyError"].declaration, "a_wrong_name_is_a_user_error")
    assert (state, reason) == (
        "failed",
        "expected a UserError for data.truth = 'no-such-thing', got KeyError: 'no-such-thing'",
    )


def test_a_failure_that_is_expected_has_a_reason() -> None:
    assert end(replace(SHARPER, expected_failures={CHECK: "read out sharper by design"})) == (
        "expected failure",
        "read out sharper by design",
    )


def test_a_failure_that_is_expected_and_does_not_come_is_a_failure_of_the_declared_example_alone() -> None:
    excused = replace(RIGHT, expected_failures={CHECK: "no longer true"})
    state, reason = end(excused)
    assert state == "failed"
    assert "passed, and was expected to fail (no longer true)" in reason
    assert end(excused, CHECK, "n=900") == ("passed", "")


def test_an_excuse_for_a_check_that_there_is_not_is_refused() -> None:
    with pytest.raises(UserError, match="expected_failures names no_such_check"):
        end(replace(RIGHT, expected_failures={"no_such_check": "why"}))


def test_a_missing_dependency_is_skipped_with_its_name() -> None:
    outcomes = list(check_adapter(replace(RIGHT, requires=("no_such_module",))))
    assert {(outcome.state, outcome.reason) for outcome in outcomes} == {("skipped", "needs no_such_module")}


def test_an_example_that_does_not_validate_names_every_key() -> None:
    with pytest.raises(UserError, match=r"data\.rows: .*; data\.rwos: unknown key"):
        end(replace(RIGHT, example=Example(data={"rows": 0, "rwos": 5})))


@pytest.mark.parametrize(
    ("setting", "message"), [("n=none", "n: should be a number"), ("rows=5", "a key of model, data or sampling")]
)
def test_a_setting_that_is_none_of_the_examples_is_refused(setting: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        end(RIGHT, CHECK, setting)


ENDS = {
    "test_ends[right-temperature_1_is_as_fitted]": "passed",
    "test_ends[AlwaysSharper-temperature_1_is_as_fitted]": "failed",
    "test_ends[excused-temperature_1_is_as_fitted]": "xfailed",
    "test_ends[absent-temperature_1_is_as_fitted]": "skipped",
}


def test_pytest_shows_each_check_as_a_test(tmp_path, monkeypatch) -> None:
    excused = replace(SHARPER, name="excused", expected_failures={CHECK: "why"})
    mark = parametrize_with_checks(RIGHT, SHARPER, excused, replace(RIGHT, name="absent", requires=("no_such_module",)))
    ends: dict[str, str] = {}
    for check in (check for check in mark.args[1] if str(check).endswith(CHECK)):
        try:
            check()
            ends[f"test_ends[{check}]"] = "passed"
        except BaseException as ending:  # what pytest ends a test by is no Exception
            kinds = {"Failed": "failed", "XFailed": "xfailed", "Skipped": "skipped"}
            ends[f"test_ends[{check}]"] = kinds[type(ending).__name__]
    assert ends == ENDS
    assert mark.kwargs["ids"] is str
