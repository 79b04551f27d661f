"""For the tests of whoever writes an adapter: each check of `fortifai check-adapter` is a test of its own. Needs pytest."""

from collections.abc import Iterator
from functools import cached_property

import pytest

from fortifai.conformance.check import Check
from fortifai.conformance.running import chosen_checks, outcome_of, prepare
from fortifai.conformance.subject import Subject
from fortifai.contract.declaration import ModalityDeclaration, modalities

__all__ = ["AdapterCheck", "parametrize_with_checks"]


def parametrize_with_checks(*adapters: str | ModalityDeclaration) -> pytest.MarkDecorator:
    """Return a decorator that makes a test of every check of some adapters; the test takes ``check`` and calls it.

    A check that cannot be made is skipped, with the reason; one that the declaration expects to fail is an expected failure, and
    a failure if it passes.

    Args:
        adapters: Names of installed modalities, or declarations.

    Raises:
        UserError: A name is unknown, or a declaration excuses a check that does not exist.

    Example:
        ```python
        from fortifai.testing import parametrize_with_checks

        @parametrize_with_checks("spectra")
        def test_spectra_keep_the_contract(check):
            check()
        ```
    """
    checks = [check for adapter in adapters for check in _checks_of(adapter)]
    return pytest.mark.parametrize("check", checks, ids=str)


class AdapterCheck:
    """One check of one adapter, as a test calls it."""

    def __init__(self, check: Check, adapter: "_Checked") -> None:
        self._check = check
        self._adapter = adapter

    def __str__(self) -> str:
        return f"{self._adapter.declaration.name}-{self._check.name}"

    def __call__(self) -> None:
        """Make the check, and fail, skip or be an expected failure by what comes of it."""
        outcome = outcome_of(self._check, self._adapter.subject, self._adapter.declaration)
        reason = outcome.reason or ""
        if outcome.state == "failed":
            pytest.fail(f"{self._check.summary}\n{reason}", pytrace=False)
        if outcome.state == "skipped":
            pytest.skip(reason)
        if outcome.state == "expected failure":
            pytest.xfail(reason)


class _Checked:
    """An adapter that is made when the first of its checks is, and once for all of them."""

    def __init__(self, declaration: ModalityDeclaration) -> None:
        self.declaration = declaration

    @cached_property
    def subject(self) -> Subject | str:
        """The adapter in its example, or what this machine lacks for it."""
        return prepare(self.declaration)


def _checks_of(adapter: str | ModalityDeclaration) -> Iterator[AdapterCheck]:
    checked = _Checked(modalities.get(adapter) if isinstance(adapter, str) else adapter)
    return (AdapterCheck(check, checked) for check in chosen_checks(checked.declaration))
