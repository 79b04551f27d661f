"""Packages and files beside fortifai whose code made the numbers of a run: their versions, and a hash of their sources."""

import hashlib
import subprocess
from collections.abc import Iterator
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from fortifai.code_files import file_of, split_name
from fortifai.errors import UserError, plural
from fortifai.records.entry import PlugIn
from fortifai.records.hashing import code_in
from fortifai.records.numbers import RunNumbers

KINDS = ("modality", "objective", "strategy", "metric", "suite")
"""What a run can use of another package; the entry points of each are found by its plural."""

FILE_VERSION = "file"
"""Stands for the version of a file of somebody's own, which has none."""


class CodeUsed(NamedTuple):
    """What made the numbers of a run, beside fortifai.

    Attributes:
        plug_ins: Packages as they are installed now, and files.
        absent: What it used that nothing installed here brings, such as "modality spectra".
    """

    plug_ins: list[PlugIn]
    absent: list[str]


def code_used(numbers: RunNumbers) -> CodeUsed:
    """Return the packages and files whose code a run used; nothing of them is imported.

    Raises:
        UserError: The source of a package cannot be found.
    """
    absent: list[str] = []
    used: dict[str, tuple[EntryPoint, list[str]]] = {}
    for kind in KINDS:
        points = {point.name: point for point in entry_points(group=f"fortifai.{plural(kind)}")}
        for name in sorted(_names(kind, numbers)):
            if name not in points:
                if kind == "modality":  # of the other kinds, ours have no entry points
                    absent.append(f"{kind} {name}")
                continue
            point = points[name]
            package = point.dist.name if point.dist else point.module.partition(".")[0]
            if package != "fortifai":
                used.setdefault(package, (point, []))[1].append(f"{kind} {name}")
    packages = [_plug_in(package, point, provides) for package, (point, provides) in sorted(used.items())]
    return CodeUsed([*packages, *_files(numbers)], absent)


def code_of(numbers: RunNumbers) -> dict[str, str]:
    """Return the files of somebody's own that the chains of a run used: SHA-256 by name."""
    return {name: sha for chain in numbers.chains for name, sha in code_in(numbers.identity(chain)).items()}


def _names(kind: str, numbers: RunNumbers) -> set[str]:
    """Return what of one kind a run used, by name, without parameters."""
    if kind == "suite":
        return {numbers.suite.name}
    if kind == "metric":
        return {split_name(name)[0] for chain in numbers.chains for name in chain.generations.metrics}
    return {split_name(getattr(chain, kind))[0] for chain in numbers.chains}


def _files(numbers: RunNumbers) -> Iterator[PlugIn]:
    for name, sha256 in sorted(code_of(numbers).items()):
        used = [f"{kind} {each}" for kind in KINDS for each in sorted(_names(kind, numbers)) if file_of(each) == name]
        yield PlugIn(name=name, version=FILE_VERSION, provides=used, sha256=sha256, commit=None)


def _plug_in(package: str, point: EntryPoint, provides: list[str]) -> PlugIn:
    version = point.dist.version if point.dist else "0"
    spec = find_spec(point.module.partition(".")[0])
    if spec is None or spec.origin is None:
        raise UserError(f"{package}: its source cannot be found, so that no entry can name it")
    file = Path(spec.origin)
    sources = sorted(file.parent.rglob("*.py")) if spec.submodule_search_locations else [file]
    digest = hashlib.sha256()
    for source in sources:
        content = hashlib.sha256(source.read_bytes()).hexdigest()
        digest.update(f"{source.relative_to(file.parent).as_posix()}|{content}|".encode())
    commit = _commit(file.parent)
    return PlugIn(name=package, version=version, provides=provides, sha256=digest.hexdigest(), commit=commit)


def _commit(folder: Path) -> str | None:
    """Return the commit of a checkout that a folder is tracked in, with ``+changes`` where there are some, or None."""

    def git(*words: str) -> str:
        return subprocess.run(["git", "-C", str(folder), *words], capture_output=True, text=True, check=True).stdout.strip()

    try:
        if not git("ls-files", "."):
            return None
        changed = git("status", "--porcelain", ".")
        return git("rev-parse", "HEAD") + ("+changes" if changed else "")
    except (OSError, subprocess.CalledProcessError):
        return None
