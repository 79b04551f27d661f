"""All checks of one adapter."""

from collections.abc import Iterator, Sequence

from fortifai.conformance.catalogue import CHECKS, checks_of
from fortifai.conformance.check import Check, Outcome, run
from fortifai.conformance.subject import Subject, setting_of
from fortifai.contract.declaration import ModalityDeclaration
from fortifai.errors import UnknownName, UserError


def check_adapter(declaration: ModalityDeclaration, settings: Sequence[str] = (), only: Sequence[str] = ()) -> Iterator[Outcome]:
    """Yield what comes of each check of an adapter, in its example.

    Args:
        declaration: The adapter's.
        settings: Changes of the example, ``"key=value"`` each, such as ``data.source=mine.csv``.
        only: Names of checks; empty: all that apply.

    Raises:
        UserError: A setting or a check is unknown, or the declaration excuses a check that does not exist.
    """
    chosen = chosen_checks(declaration, only)
    subject = prepare(declaration, settings)
    for check in chosen:
        yield outcome_of(check, subject, declaration, strict=not settings)


def prepare(declaration: ModalityDeclaration, settings: Sequence[str] = ()) -> Subject | str:
    """Return the adapter in its example, or what this machine lacks for it.

    Args:
        declaration: The adapter's.
        settings: Changes of the example, ``"key=value"`` each.

    Raises:
        UserError: A setting is unknown, or the example does not validate.
    """
    if (missing := declaration.missing()) is not None:
        return missing
    setting = setting_of(declaration, settings)
    absent = [str(need) for need in declaration.needs(setting.config, setting.data) if need.missing is not None]
    return f"this machine lacks {'; '.join(absent)}" if absent else Subject(declaration, setting)


def outcome_of(check: Check, subject: Subject | str, declaration: ModalityDeclaration, *, strict: bool = True) -> Outcome:
    """Return what comes of a check.

    Args:
        check: Which check.
        subject: The adapter in its example, or what this machine lacks for it: then the check is skipped.
        declaration: The adapter's, which may excuse a failure in its own example.
        strict: Whether an excused check has to fail.
    """
    if isinstance(subject, str):
        return Outcome(check, "skipped", subject)
    return run(check, subject, declaration.expected_failures, strict=strict)


def chosen_checks(declaration: ModalityDeclaration, only: Sequence[str] = ()) -> list[Check]:
    """Return the checks to make.

    Args:
        declaration: The adapter's.
        only: Names of checks; empty: all that apply.

    Raises:
        UserError: A check is unknown or is not made of such an adapter, or the declaration excuses one that does not exist.
    """
    known = {check.name for check in CHECKS}
    for name in only:
        if name not in known:
            raise UnknownName("check", name, known, see=f"fortifai check-adapter {declaration.name}")
    if unknown := sorted(declaration.expected_failures.keys() - known):
        raise UserError(f"modality {declaration.name!r}: expected_failures names {', '.join(unknown)}: there is no such check")
    chosen = [check for check in checks_of(declaration) if not only or check.name in only]
    if left_out := [name for name in only if name not in {check.name for check in chosen}]:
        raise UserError(f"modality {declaration.name!r} is not checked for {', '.join(left_out)}, by what its declaration says")
    return chosen
