"""What building a board keeps between builds: what was made of an entry, by a hash of its file and of the code that made it.

What an entry claims is never kept or believed: only what this fortifai computed of the very same bytes, in a folder of the user's
own (`fortifai.cache`).
"""

import hashlib
import sys
import zlib
from functools import cache
from importlib.metadata import version
from pathlib import Path

import fortifai
from fortifai.cache import cached_file, write_cached

LIBRARIES = ("jinja2", "markupsafe", "numpy", "pandas", "pydantic", "scipy")
"""Whose versions may move a page."""


def kept(key: str) -> str | None:
    """Return what was kept under a key, or None; a file that is not whole keeps nothing."""
    try:
        content = zlib.decompress(_file(key).read_bytes()).decode()
    except (OSError, zlib.error, UnicodeError):  # zlib ends with a checksum
        return None
    head, _, text = content.partition("\n")
    return text if head == key else None


def keep(key: str, text: str) -> None:
    """Keep a text under a key, where the cache can be written to."""
    write_cached(_file(key), zlib.compress(f"{key}\n{text}".encode(), 1))


def key_of(*parts: str) -> str:
    """Return the key of what this code makes of some parts, such as the hash of a file: 64 hexadecimal digits."""
    return hashlib.sha256("\0".join([_code(), *parts]).encode()).hexdigest()


def _file(key: str) -> Path:
    return cached_file("boards", f"{key[:2]}/{key}.z")


@cache
def _code() -> str:
    """Return a hash of all that pages are made by: the sources and templates of fortifai, and the libraries."""
    folder = Path(fortifai.__file__).parent
    digest = hashlib.sha256(sys.version.encode())
    for name in LIBRARIES:
        digest.update(f"|{name} {version(name)}".encode())
    for file in sorted([*folder.rglob("*.py"), *folder.rglob("*.j2")]):
        content = hashlib.sha256(file.read_bytes()).hexdigest()
        digest.update(f"|{file.relative_to(folder).as_posix()} {content}".encode())
    return digest.hexdigest()
