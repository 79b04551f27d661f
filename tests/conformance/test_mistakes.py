"""Mistakes that adapters make: the check that is named after what is wrong fails, and passes of the adapter that is right."""

import pytest
from mistakes_support import MISTAKES, RIGHT, RIGHT_CATEGORIES, Mistake

from fortifai.conformance.catalogue import CHECKS
from fortifai.conformance.check import Outcome
from fortifai.conformance.running import check_adapter
from fortifai.contract.declaration import ModalityDeclaration


def outcome(declaration: ModalityDeclaration, check: str) -> Outcome:
    (only,) = check_adapter(declaration, only=[check])
    return only


@pytest.mark.parametrize("mistake", MISTAKES.values(), ids=MISTAKES)
def test_the_check_of_that_name_sees_it(mistake: Mistake) -> None:
    seen = outcome(mistake.declaration, mistake.check)
    assert seen.state == "failed", f"{mistake.check} {seen.state}: {seen.reason}"
    assert seen.reason


@pytest.mark.parametrize("declaration", [RIGHT, RIGHT_CATEGORIES], ids=["a Gaussian", "categories"])
def test_an_adapter_without_a_mistake_fails_nothing(declaration: ModalityDeclaration) -> None:
    outcomes = list(check_adapter(declaration))
    assert [f"{o.check.name}: {o.reason}" for o in outcomes if o.state not in ("passed", "skipped")] == []
    assert len(outcomes) > 30


def test_there_is_a_mistake_for_every_check() -> None:
    assert {mistake.check for mistake in MISTAKES.values()} == {check.name for check in CHECKS}
