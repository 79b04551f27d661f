"""What a check is, how one is run, and what comes of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from time import perf_counter
from typing import Literal

from fortifai.conformance.subject import Subject
from fortifai.contract.declaration import ModalityDeclaration
from fortifai.errors import BrokenAdapter

State = Literal["passed", "failed", "skipped", "expected failure"]


class Unmet(Exception):
    """An adapter does not do what a check expects; the text has what was expected and what came."""


class NotApplicable(Exception):
    """A check cannot be made of this adapter in its example; the text says why."""


@dataclass(frozen=True)
class Check:
    """One thing that is expected of adapters.

    Attributes:
        name: What it is called, on the command line too.
        summary: What is expected, as a sentence.
        body: Raises Unmet where the adapter does not do it, and NotApplicable where that cannot be told.
        applies: Whether it is expected of an adapter with this declaration.
    """

    name: str
    summary: str
    body: Callable[[Subject], None]
    applies: Callable[[ModalityDeclaration], bool]


@dataclass(frozen=True)
class Outcome:
    """What came of one check.

    Attributes:
        check: Which.
        state: How it ended.
        reason: What was expected and what came; why it was skipped; or why it may fail. None: it passed.
        seconds: How long it took.
    """

    check: Check
    state: State
    reason: str | None = None
    seconds: float = 0.0


def check(
    applies: Callable[[ModalityDeclaration], bool] = lambda declaration: True,
) -> Callable[[Callable[[Subject], None]], Check]:
    """Return a decorator that turns a function into a check, of its name; the first line of its docstring is the summary.

    Args:
        applies: Whether it is expected of an adapter with this declaration; default: of every one.
    """

    def make(body: Callable[[Subject], None]) -> Check:
        name = getattr(body, "__name__", "")
        return Check(name, (body.__doc__ or "").partition("\n")[0], body, applies)

    return make


def require(holds: bool, expected: str, got: object) -> None:
    """Raise Unmet unless something holds.

    Args:
        holds: Whether it does.
        expected: What was expected, as a noun.
        got: What came instead.
    """
    if not holds:
        raise Unmet(f"expected {expected}, got {got}")


def run(check: Check, subject: Subject, expected_failures: Mapping[str, str], *, strict: bool = True) -> Outcome:
    """Return what comes of a check; whatever the adapter raises is a failure of it.

    Args:
        check: Which check.
        subject: The adapter in its example.
        expected_failures: Names of checks that may fail, each with the reason.
        strict: Whether one of them that passes all the same is a failure, so that the reason does not outlive the fault.
    """
    start = perf_counter()
    state, reason = _attempt(check, subject)
    excuse = expected_failures.get(check.name)
    if excuse is not None and state == "failed":
        state, reason = "expected failure", excuse
    elif excuse is not None and state == "passed" and strict:
        state, reason = "failed", f"passed, and was expected to fail ({excuse}): take it out of the expected failures"
    return Outcome(check, state, reason, round(perf_counter() - start, 3))


def _attempt(check: Check, subject: Subject) -> tuple[State, str | None]:
    try:
        check.body(subject)
    except NotApplicable as reason:
        return "skipped", str(reason)
    except (Unmet, BrokenAdapter) as fault:
        return "failed", str(fault)
    except Exception as error:  # whatever an adapter raises
        return "failed", f"raised {type(error).__name__}: {error}"
    return "passed", None
