"""Checks that what a user does wrong is said in a line, before anything is trained, and what is missing by its name."""

from collections.abc import Iterator
from contextlib import contextmanager

from pydantic import ValidationError

from fortifai.config import Frozen
from fortifai.conformance.check import NotApplicable, Unmet, check, require
from fortifai.conformance.processes import in_bare_process
from fortifai.conformance.subject import Subject
from fortifai.errors import UserError

NO_SUCH_KEY = "no_such_key"
NO_SUCH_THING = "no-such-thing"
TOO_MANY = 10**9

ABSENT_DEVICE = "cuda:99"
"""A device that no machine has."""


@check()
def an_unknown_key_is_refused(subject: Subject) -> None:
    """A key that model, data or sampling do not have is refused when they are made."""
    for key, cls in subject.declaration.tables().items():
        try:
            cls.model_validate({NO_SUCH_KEY: 1})
        except ValidationError as error:
            about = {str(problem["loc"][0]) for problem in error.errors() if problem["type"] == "extra_forbidden"}
            require(NO_SUCH_KEY in about, f"an error that names the unknown key of {key}", str(error))
        else:
            raise Unmet(f"expected {key}.{NO_SUCH_KEY} to be refused, and it was taken")


@check()
def a_wrong_name_is_a_user_error(subject: Subject) -> None:
    """A name in model or data that stands for nothing is a UserError, or makes no difference, and never another error."""
    setting = subject.setting
    for table, key, wrong in _with_a_wrong_name(subject):
        config = wrong if table == "model" else setting.config
        data = wrong if table == "data" else setting.data
        with _user_error_or_none(f"{table}.{key} = {NO_SUCH_THING!r}"):
            # The two tables are of the declared classes: `_with_a_wrong_name` changes a value only.
            missing = [n for n in subject.declaration.needs(config, data) if n.missing is not None]  # type: ignore[arg-type]
            if not missing:
                subject.declaration.bind(config, data).check(setting.n)  # type: ignore[arg-type]


@check()
def sizes_that_cannot_be_trained_are_refused(subject: Subject) -> None:
    """`check` refuses no samples at all, and more than the pool has, as a UserError, and takes the n of the example."""
    subject.adapter.check(subject.setting.n)
    for n in (0, TOO_MANY):
        with _user_error_or_none(f"n = {n}"):
            subject.adapter.check(n)
            raise Unmet(f"expected n = {n} to be refused, and it was taken")


@check(lambda declaration: "device" in declaration.tables()["model"].model_fields)
def an_absent_device_is_refused(subject: Subject) -> None:
    """`check` refuses a device that this machine does not have."""
    config = subject.setting.config.model_copy(update={"device": ABSENT_DEVICE})
    with _user_error_or_none(f"model.device = {ABSENT_DEVICE!r}"):
        subject.declaration.bind(config, subject.setting.data).check(subject.setting.n)
        raise Unmet(f"expected the device {ABSENT_DEVICE!r} to be refused, and it was taken")


@check(lambda declaration: bool(set(declaration.requires) - {"torch", "safetensors"}))
def a_missing_requirement_is_named(subject: Subject) -> None:
    """Where the modules that the declaration requires are not installed, a UserError names them."""
    bare, required = in_bare_process(subject), subject.declaration.requires
    require(bare.error == "UserError", "a UserError where the requirements are absent", f"{bare.error}: {bare.message}")
    unnamed = [name for name in required if name not in bare.message and name not in ("torch", "safetensors")]
    require(not unnamed, f"an error that names {', '.join(required)}", bare.message)


@check()
def configuration_is_quick_to_import(subject: Subject) -> None:
    """The modules of the configuration import nothing that takes seconds, so that `fortifai list` stays instant."""
    imported = in_bare_process(subject).imported
    require(not imported, "configuration classes that import neither torch nor another slow library", ", ".join(imported))


def _with_a_wrong_name(subject: Subject) -> Iterator[tuple[str, str, Frozen]]:
    """Yield table, key and the table with a name that stands for nothing, for every key that takes a text."""
    found = False
    tables = (("model", subject.setting.config), ("data", subject.setting.data))
    for table, values in tables:
        for key in type(values).model_fields:
            content = {**values.model_dump(), key: NO_SUCH_THING}
            try:
                wrong = type(values).model_validate(content)
            except (ValidationError, UserError):  # refused already
                continue
            found = True
            yield table, key, wrong
    if not found:
        raise NotApplicable("no key of model or data takes a name")


@contextmanager
def _user_error_or_none(what: str) -> Iterator[None]:
    """Let a UserError end the block, and raise Unmet for any other error of an adapter."""
    try:
        yield
    except (UserError, Unmet) as error:
        if isinstance(error, Unmet):
            raise
        require(len(str(error)) < 2000, f"a short text on {what}", f"{len(str(error)):,} characters")
    except Exception as error:
        raise Unmet(f"expected a UserError for {what}, got {type(error).__name__}: {error}") from error
