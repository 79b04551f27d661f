"""Hashes by which a run folder shows that it is whole: of what a chain is, and of its records, each over the one before."""

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any

from fortifai.errors import UserError
from fortifai.sanitise import is_name

_SHA256 = re.compile("[0-9a-f]{64}")
_SEAL = re.compile(rb',"hash":"([0-9a-f]{64})"\}$')


def identity_hash(identity: Mapping[str, Any]) -> str:
    """Return a chain's id: the hash of all that decides its numbers, 16 hexadecimal digits."""
    return content_hash(identity)[:16]


def content_hash(content: Mapping[str, Any]) -> str:
    """Return the hash of JSON values, whatever the order of keys: 64 hexadecimal digits."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def code_in(identity: Mapping[str, Any]) -> dict[str, str]:
    """Return the files of somebody's own that an identity names: SHA-256 by name; none where there are none.

    Raises:
        UserError: They are not names of Python files with hashes. An identity may be of a record that somebody else wrote.
    """
    code = identity.get("code", {})
    if not isinstance(code, dict) or not all(_is_code(name, sha256) for name, sha256 in code.items()):
        raise UserError("its identity names code by something else than files and their hashes")
    return dict(code)


def _is_code(name: object, sha256: object) -> bool:
    named = isinstance(name, str) and name.endswith(".py") and is_name(name)
    return named and isinstance(sha256, str) and _SHA256.fullmatch(sha256) is not None


def seal(line: str, previous: str) -> tuple[str, str]:
    """Return a record with its hash as the last key, and that hash, 64 hexadecimal digits.

    Args:
        line: The record as one line of JSON, an object.
        previous: The hash of the record before it; for the first one, the chain's id.
    """
    digest = _digest(line.encode(), previous)
    return f'{line[:-1]},"hash":"{digest}"}}', digest


def unseal(line: bytes, previous: str) -> str | None:
    """Return the hash of a sealed record, or None if it is not the one that its content and the record before it have.

    Args:
        line: The line as it stands in the file, without its line break.
        previous: The hash of the record before it; for the first one, the chain's id.
    """
    match = _SEAL.search(line)
    if match is None:
        return None
    digest = _digest(line[: match.start()] + b"}", previous)
    return digest if digest.encode() == match[1] else None


def _digest(line: bytes, previous: str) -> str:
    return hashlib.sha256(previous.encode() + b"\n" + line).hexdigest()
