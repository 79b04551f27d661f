"""Packages beside fortifai whose code made the numbers of a run: their versions, and a hash of their sources."""

import hashlib
import subprocess
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from pathlib import Path

from fortifai.errors import UserError
from fortifai.records.entry import PlugIn
from fortifai.records.numbers import RunNumbers

KINDS = {"modality": "fortifai.modalities"}
"""What a run can use of another package, and the group of entry points by which it is found."""


def plug_ins_of(numbers: RunNumbers) -> list[PlugIn]:
    """Return the packages that a run used, as they are installed now; nothing of them is imported.

    Raises:
        UserError: Something that the run used is not installed.
    """
    used: dict[str, tuple[EntryPoint, list[str]]] = {}
    for kind, group in KINDS.items():
        points = {point.name: point for point in entry_points(group=group)}
        for name in sorted({getattr(chain, kind) for chain in numbers.chains}):
            if name not in points:
                raise UserError(f"{kind} {name!r} is not installed here: make the entry where the run was made")
            point = points[name]
            package = point.dist.name if point.dist else point.module.partition(".")[0]
            if package != "fortifai":
                used.setdefault(package, (point, []))[1].append(f"{kind} {name}")
    return [_plug_in(package, point, provides) for package, (point, provides) in sorted(used.items())]


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
