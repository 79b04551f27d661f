"""What every stored JSON document shares: immutable models, finite numbers, and files that name their schema version."""

import math
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic_core import from_json

from fortifai.config import explain
from fortifai.errors import UserError

VERSION: Final = 1
"""The schema version that is written, and the only one that is read so far."""


Better = Literal["lower", "higher"]
"""The direction in which a fidelity metric improves."""


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value


Number = Annotated[float | None, BeforeValidator(_finite)]
"""A finite number, or None: NaN and infinity become None here, since JSON has neither."""


class Stored(BaseModel):
    """Base of everything stored: immutable, and without keys that the schema does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True, serialize_by_alias=True)


class StoredFile(Stored):
    """Base of a whole file, which names its schema version."""

    schema_version: Literal[1] = Field(VERSION, alias="schema", description="schema version of this file")

    @classmethod
    def load(cls, path: Path) -> Self:
        """Return the content of a file.

        Raises:
            UserError: It is missing, is not JSON, has another schema version (the text says which), or breaks the schema.
        """
        try:
            content = from_json(path.read_bytes())
        except FileNotFoundError:
            raise UserError(f"{path}: no such file") from None
        except (OSError, ValueError) as error:
            raise UserError(f"{path}: cannot be read as JSON: {error}") from None
        version = content.get("schema") if isinstance(content, dict) else None
        if version != VERSION:
            remedy = "install the version of fortifai that wrote it, or run the suite again into another folder"
            raise UserError(f"{path}: has schema version {version!r}, and this fortifai reads version {VERSION}; {remedy}")
        try:
            return cls.model_validate(content)
        except ValidationError as error:
            raise UserError(f"{path}: {'; '.join(explain(error))}") from None
