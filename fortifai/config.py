"""Frozen configuration in which every field declares whether it decides the numbers, and names with parameters.

``Identity[T]`` marks a field that decides the numbers: it enters the chain id. ``Runtime[T]`` marks one that does not (a
device, a horizon, how many seeds). A class with a field that says neither cannot be defined.
"""

from collections.abc import Iterable, Mapping
from enum import Enum
from typing import Annotated, Any, ClassVar, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from fortifai.code_files import split_name
from fortifai.errors import UserError
from fortifai.registry import Registry
from fortifai.sanitise import one_line

T = TypeVar("T")

LARGEST_PARAMETER = 10**9
"""The largest size of a parameter in a name: whatever is computed from it stays a finite number."""

NUMBER = "a number"
"""The tag of the numbers of a field that may be a word instead; it is no part of the key that a message names."""

LONGEST_VALUE = 100
"""Characters of a wrong value that a message repeats."""


class Role(Enum):
    """Whether a configuration field decides the numbers."""

    IDENTITY = "identity"
    RUNTIME = "runtime"


Identity = Annotated[T, Role.IDENTITY]
"""``Identity[T]``: a field that decides the numbers, and enters the id of a chain."""

Runtime = Annotated[T, Role.RUNTIME]
"""``Runtime[T]``: a field that does not."""


class Frozen(BaseModel):
    """Base of every configuration: immutable, no unknown keys, no NaN, every field an Identity or a Runtime one."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        super().__pydantic_init_subclass__(**kwargs)
        roles = {name: [m for m in field.metadata if isinstance(m, Role)] for name, field in cls.model_fields.items()}
        silent = [name for name, declared in roles.items() if len(declared) != 1]
        if silent:
            raise TypeError(f"{cls.__name__}: declare {', '.join(silent)} as Identity[...] or Runtime[...]")

    def identity(self) -> dict[str, Any]:
        """Return the fields that decide the numbers, as JSON values, nested configurations reduced likewise.

        A field that is left out of what is written (``exclude_if``) decides nothing: it came later, and at that value the numbers
        are those from before it.
        """
        fields = type(self).model_fields
        plain = self.model_dump(mode="json")
        deciding = (name for name in plain if Role.IDENTITY in fields[name].metadata)
        return {name: _reduced(getattr(self, name), plain[name]) for name in deciding}


class ModelConfig(Frozen):
    """Base of an adapter's model and training configuration."""

    @property
    def label(self) -> str:
        """A short name of the model for tables, such as ``gaussian-mixture-5``."""
        return type(self).__name__

    def fit_passes(self, *, warm: bool) -> int | None:
        """Return how many passes, or steps, a fit takes; its time grows in proportion, so that a few of them tell of all.

        The default, None: there is no such number, and `fortifai plan` tries out whole fits.

        Args:
            warm: Whether of a fit that starts from a model, or from scratch.
        """
        return None

    def with_fit_passes(self, passes: int) -> Self:
        """Return the same with fits of so many passes, from scratch or not. The default: itself."""
        return self


class Sampling(Frozen):
    """How a model is read out. A ``temperature`` below 1 reads it out more sharply than it was fitted: sampling bias."""

    temperature: Identity[float] = Field(1.0, gt=0, description="1 = as fitted; each adapter gives it its own meaning")

    def require(self, model: ModelConfig) -> None:
        """Raise UserError if models of this configuration cannot be read out like this. The default: all can."""
        return None


class Parametrised(Frozen):
    """A configuration written as a name with parameters: ``name:key=value,key=value``."""

    name: ClassVar[str]

    @model_validator(mode="after")
    def _of_finite_size(self) -> Self:
        for key in type(self).model_fields:
            value = getattr(self, key)
            if isinstance(value, int | float) and abs(value) > LARGEST_PARAMETER:
                raise ValueError(f"{key}: should be at most {LARGEST_PARAMETER:,} in size, not {_shown(value)}")
        return self

    @property
    def canonical(self) -> str:
        """The one spelling of this setting: keys sorted, defaults filled in, what is None left out."""
        values = self.model_dump(mode="json", exclude_none=True)
        text = ",".join(f"{key}={_plain(values[key])}" for key in sorted(values))
        return f"{self.name}:{text}" if text else self.name

    def __str__(self) -> str:
        return self.canonical

    @classmethod
    def summary(cls) -> str:
        """The first line of the docstring, which `fortifai list` shows."""
        return (cls.__doc__ or "").partition("\n")[0]


P = TypeVar("P", bound=Parametrised)


def resolve(registry: Registry[type[P]], text: str | P) -> P:
    """Return the object that ``"name:key=value,key=value"`` names; an object passes through.

    Args:
        registry: The classes, by name.
        text: The name with its parameters, or the object.

    Raises:
        UserError: The name or a key is unknown, a key is repeated, or a value is out of range; the text has what was expected.
    """
    if isinstance(text, Parametrised):
        return text
    name, rest = split_name(text)
    cls = registry.get(name)
    cls.name = name  # of a package or a file of the user's own: it is called by the name that leads back to it
    return with_parameters(cls, rest, f"{registry.kind} {text!r}")


def with_parameters(cls: type[P], rest: str, where: str, more: Mapping[str, object] | None = None) -> P:
    """Return the object of a class that ``key=value,key=value`` describes.

    Args:
        cls: The class.
        rest: What stands behind the name and its colon; may be empty.
        where: What errors name.
        more: Values that were given apart, by key.

    Raises:
        UserError: A key is unknown or repeated, or a value is out of range; the text has what was expected.
    """
    values: dict[str, Any] = dict(more or {})
    for item in filter(None, rest.split(",")):
        key, equals, value = (part.strip() for part in item.partition("="))
        if not equals or not value or key in values:
            raise UserError(f"{where}: {item!r} should be key=value, each key once")
        values[key] = value
    try:
        return cls(**values)
    except ValidationError as error:
        raise UserError(f"{where}: {'; '.join(explain(error, known=cls.model_fields))}") from None


def explain(error: ValidationError, known: Iterable[str] = (), prefix: str = "") -> list[str]:
    """Return one plain line for each thing that pydantic found wrong: the key, what is wrong, what was there.

    Args:
        error: What pydantic raised.
        known: The keys that are offered where one is unknown.
        prefix: Put before every key, such as the name of the table in a file.
    """
    lines = []
    for problem in error.errors(include_url=False):
        key = one_line(prefix + ".".join(str(part) for part in problem["loc"] if part != NUMBER)).removesuffix(".")
        if problem["type"] == "extra_forbidden":
            message = f"unknown key{_known(known if len(problem['loc']) == 1 else ())}"
        elif problem["type"] == "missing":
            message = "is required"
        elif problem["type"] == "value_error":
            message = str(problem["ctx"]["error"])
        else:
            message = f"{problem['msg'][0].lower()}{problem['msg'][1:]}, not {_shown(problem['input'])}"
        lines.append(f"{key}: {message}" if key else message)
    return lines


def _reduced(value: Any, plain: Any) -> Any:
    """Reduce a field to what decides the numbers, wherever in it a configuration stands; ``plain`` is its JSON form."""
    if isinstance(value, Frozen):
        return value.identity()
    if isinstance(value, dict):
        return {key: _reduced(v, p) for v, (key, p) in zip(value.values(), plain.items(), strict=True)}
    if isinstance(value, (list, tuple)):
        return [_reduced(v, p) for v, p in zip(value, plain, strict=True)]
    return plain


def _shown(value: object) -> str:
    """Return a value as Python writes it, cut off where it is longer than a line."""
    try:
        text = repr(value)
    except ValueError:  # an integer of more digits than Python writes
        return "a number of thousands of digits"
    return text if len(text) <= LONGEST_VALUE else f"{text[:LONGEST_VALUE]}... ({len(text):,} characters)"


def _known(names: Iterable[str]) -> str:
    listed = ", ".join(names)
    return f" (known: {listed})" if listed else ""


def _plain(value: Any) -> str:
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
