"""What every stored JSON document shares: immutable models, finite numbers, and files that name their schema version."""

import math
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic_core import from_json

from fortifai.config import explain
from fortifai.errors import UserError
from fortifai.files import is_regular

Better = Literal["lower", "higher"]
"""The direction in which a fidelity metric improves."""


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value


MOST_BYTES = 64 * 2**20
"""Larger JSON files are refused unread: none that fortifai writes comes near."""

Number = Annotated[float | None, BeforeValidator(_finite)]
"""A finite number, or None: NaN and infinity become None here, since JSON has neither."""


class Stored(BaseModel):
    """Base of everything stored: immutable, and without keys that the schema does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True, serialize_by_alias=True)


class StoredFile(Stored):
    """Base of a whole file, which names its schema version.

    A field that is added, dropped or changes its meaning gets a new version: a file is read by the version that it names, or
    refused with that number. A class of which older versions are still read says so in ``readable``.
    """

    readable: ClassVar[tuple[int, ...]] = (1,)
    """Versions that are read; the last one is written."""

    schema_version: int = Field(1, alias="schema", description="schema version of this file")

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read one file.

        Raises:
            UserError: It is missing, not a file of its own, too large, not JSON, of another schema version (says which), or it
                breaks the schema.
        """
        content = read_json(path)
        version = content.get("schema") if isinstance(content, dict) else None
        if version not in cls.readable or isinstance(version, bool):
            *others, last = map(str, cls.readable)
            known = f"{', '.join(others)} and {last}" if others else last
            remedy = "install the version of fortifai that wrote it, or run the suite again into another folder"
            raise UserError(f"{path}: has schema version {version!r}, and this fortifai reads version {known}; {remedy}")
        try:
            return cls.model_validate(content)
        except ValidationError as error:
            raise UserError(f"{path}: {'; '.join(explain(error))}") from None


def read_json(path: Path) -> Any:
    """Return the content of a JSON file.

    Raises:
        UserError: It is missing, a link, a pipe or a folder, larger than 64 MiB, or not JSON (too deep included).
    """
    if not path.exists() and not path.is_symlink():
        raise UserError(f"{path}: no such file")
    if not is_regular(path):
        raise UserError(f"{path}: is not a regular file, and only those are read")
    try:
        if path.stat().st_size > MOST_BYTES:
            raise UserError(f"{path}: has {path.stat().st_size} bytes, and at most {MOST_BYTES} are read")
        return from_json(path.read_bytes(), allow_inf_nan=False)
    except (OSError, ValueError, RecursionError) as error:
        if isinstance(error, UserError):
            raise
        raise UserError(f"{path}: cannot be read as JSON: {error}") from None


def is_of_later_version(path: Path, kind: type[StoredFile]) -> bool:
    """Return whether a file was written by a later fortifai, which knows more of it than this one."""
    try:
        content = read_json(path)
    except UserError:
        return False
    version = content.get("schema") if isinstance(content, dict) else None
    return isinstance(version, int) and version > kind.readable[-1]
