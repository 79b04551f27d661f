"""Entries as files: gzipped canonical JSON, written to the same bytes every time, and read as if somebody meant harm.

JSON, because numbers written with their shortest digits come back to the last bit, in any language, and a person can read
them (`zcat`); Parquet would need a library whose bytes change with its version. Keys are sorted and nothing is spaced, so that
there is one text for one content; the gzip header holds neither a time nor a name.
"""

import gzip
import json
import os
import tempfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from fortifai.config import explain
from fortifai.errors import UserError
from fortifai.files import is_regular
from fortifai.records.entry import ENDING, LONGEST_TEXT, Entry
from fortifai.records.hashing import content_hash
from fortifai.records.reading import require_identity
from fortifai.sanitise import markdown, one_line

MOST_BYTES = 4 * 2**20
"""Larger files are refused unread: an entry of 300 chains of 60 generations has less than 2 MB."""

MOST_TEXT = 64 * 2**20
"""Bytes of JSON that a file is unpacked to before it is refused."""

MOST_NESTED = 32
"""How deep tables and lists may lie in one another."""

FREE_TEXT = ("reason", "missing", "summary", "commands", "score", "suite")
"""Fields whose texts are shown, never used as names: markup is escaped where they are shown. All others must hold none."""


def is_entry(path: Path) -> bool:
    """Return whether a path is to be read as an entry, which its name says."""
    return path.name.endswith(ENDING) and not path.is_dir()


def encode(entry: Entry) -> bytes:
    """Return the bytes of an entry's file, with its hash in it.

    Raises:
        UserError: It holds a text that no entry may, or is larger than any that is read.
    """
    content = entry.model_dump(mode="json", exclude={"hash"})
    sealed = {**content, "hash": content_hash(content)}
    if fault := next(_text_faults(sealed), None):
        raise UserError(f"this run cannot become an entry: {fault}")
    packed = gzip.compress(canonical(sealed), 9, mtime=0)
    if len(packed) > MOST_BYTES:
        raise UserError(f"the entry has {len(packed):,} bytes, and at most {MOST_BYTES:,} are read; submit fewer chains")
    return packed


def write_entry(path: Path, entry: Entry) -> None:
    """Write an entry under a name that nothing has yet: entries are added, never replaced.

    Raises:
        UserError: There is such a file, or it cannot be written.
    """
    content = encode(entry)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
        try:
            with open(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                os.fchmod(file.fileno(), 0o644)
                os.fsync(file.fileno())
            os.link(name, path)  # unlike a rename, this never replaces what is there
        finally:
            Path(name).unlink()
    except FileExistsError:
        raise UserError(f"{path} is there already, and an entry never replaces another: choose another --out") from None
    except OSError as error:
        raise UserError(f"{path}: cannot be written: {error.strerror}") from None


def canonical(content: Any) -> bytes:
    """Return the one JSON text of some content. Raises ValueError for NaN and infinities."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.encode()


def read_entry(path: Path) -> Entry:
    """Return the entry of a file, whoever wrote it; nothing that it names is opened, imported or run.

    Raises:
        UserError: It is not an entry to the last byte; the text says why in one line.
    """
    entry, fault = _read(path)
    if entry is None:
        raise UserError(f"{path}: {one_line(fault)}")
    return entry


def _read(path: Path) -> tuple[Entry | None, str]:
    """Return an entry, or None and what is wrong with the file."""
    try:
        text = _unpack(path)
        content = json.loads(text.decode("utf-8"), parse_constant=_refuse_constant)
        if not isinstance(content, dict):
            return None, f"not an entry: a JSON object is expected, not {type(content).__name__}"
        if fault := next(_depth_faults(content), None):
            return None, fault
        if canonical(content) != text:
            return None, "not the canonical JSON of its content: keys sorted and each once, no spaces, shortest digits"
    except UserError as error:
        return None, str(error)
    except OSError as error:
        return None, f"cannot be read: {error.strerror}"
    except RecursionError:
        return None, f"tables and lists are nested too deeply: more than {MOST_NESTED}"
    except UnicodeError:
        return None, "not UTF-8"
    except ValueError as error:
        return None, f"not JSON: {str(error)[:LONGEST_TEXT]}"
    return _validated(content)


def _validated(content: dict[str, Any]) -> tuple[Entry | None, str]:
    version = content.get("schema")
    if isinstance(version, bool) or version not in Entry.readable:
        known = " and ".join(map(str, Entry.readable))
        return None, f"has schema version {str(version)[:20]}, and this fortifai reads version {known}"
    try:
        entry = Entry.model_validate(content)
    except ValidationError as error:
        return None, "; ".join(explain(error)[:3])[:LONGEST_TEXT]
    if fault := next(_text_faults(content), None):
        return None, fault
    try:
        require_identity(Path("suite"), entry.numbers.suite)  # which names files and folders
    except UserError as error:
        return None, str(error)
    if canonical(entry.model_dump(mode="json")) != canonical(content):
        return None, "a value is of another type than its field"
    if entry.hash != content_hash({name: value for name, value in content.items() if name != "hash"}):
        return None, "its hash does not fit its content"
    return entry, ""


def _unpack(path: Path) -> bytes:
    """Return the text of a file, of which no more is unpacked than an entry may have."""
    if not path.exists() and not path.is_symlink():
        raise UserError("no such file")
    if not is_regular(path):
        raise UserError("is not a regular file, and only those are read")
    with path.open("rb") as file:
        packed = file.read(MOST_BYTES + 1)
    if len(packed) > MOST_BYTES:
        raise UserError(f"has more than {MOST_BYTES:,} bytes, and no entry has")
    if packed[:10] not in _HEADERS:
        raise UserError(
            "not an entry: it should be gzip without a time or a name in its header, as `fortifai leaderboard submit` writes it"
        )
    unpacker = zlib.decompressobj(wbits=31)
    try:
        text = unpacker.decompress(packed, MOST_TEXT + 1)
    except zlib.error as error:
        raise UserError(f"is damaged: {error}") from None
    if len(text) > MOST_TEXT:
        raise UserError(f"unpacks to more than {MOST_TEXT // 2**20} MiB, and no entry does")
    if not unpacker.eof:
        raise UserError("is damaged: it ends too early")
    if unpacker.unused_data:
        raise UserError(f"has {len(unpacker.unused_data):,} bytes behind its end")
    return text


_HEADERS = tuple(b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02" + system for system in (b"\xff", b"\x03", b"\x13"))
"""How gzip begins without a name and a time; the last byte differs between versions of Python."""


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is not a number of JSON")


def _depth_faults(content: Any) -> Iterator[str]:
    level = [content]
    for _ in range(MOST_NESTED):
        level = [inner for value in level for inner in _inside(value) if isinstance(inner, dict | list)]
        if not level:
            return
    yield f"tables and lists are nested too deeply: more than {MOST_NESTED}"


def _inside(value: Any) -> Iterator[Any]:
    yield from value.values() if isinstance(value, dict) else value


def _text_faults(content: Any, where: str = "", free: bool = False) -> Iterator[str]:
    """Yield what is wrong with the texts of an entry, keys and values: what is not seen, and markup where names stand."""
    if isinstance(content, dict):
        for key, value in content.items():
            yield from _text_fault(key, f"a key of {where or 'the entry'}", free)
            yield from _text_faults(value, f"{where}.{key}" if where else key, free or key in FREE_TEXT)
    elif isinstance(content, list):
        for value in content if any(isinstance(value, str | dict | list) for value in content) else ():
            yield from _text_faults(value, where, free)
    elif isinstance(content, str):
        addresses = where.startswith("submission.")  # held to patterns of their own
        yield from _text_fault(content, where, free or addresses)


def _text_fault(text: str, where: str, free: bool) -> Iterator[str]:
    shown = one_line(text)
    if shown != text:
        yield f"{one_line(where)[:80]}: holds characters that are not seen, or a line break: {shown[:60]!r}"
    elif len(text) > LONGEST_TEXT and not free:
        yield f"{where[:80]}: has {len(text):,} characters, and at most {LONGEST_TEXT} are read"
    elif not free and markdown(text) != text:
        yield f"{where[:80]}: holds markup: {text[:60]!r}"
