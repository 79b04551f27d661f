"""What a plan has to know of a regime's data and model, and a memory of it, so that to look at a plan is to read no data."""

import os
import sys
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, ValidationError

from fortifai.cache import cached_file, write_cached
from fortifai.code_files import used_by
from fortifai.contract.declaration import modalities
from fortifai.planning.suite import Regime
from fortifai.records.hashing import content_hash

if TYPE_CHECKING:
    from fortifai.contract.modality import AnyModality

MOST_FILES = 100_000
"""Files of a folder of data whose size and time are looked at; a larger folder is read every time."""


class Facts(BaseModel):
    """What a plan knows of an adapter that is bound to its data.

    Attributes:
        data_hash: The hash of the real data.
        pool: Samples of the training pool.
        pool_bytes: Bytes of them, in memory.
        draws: Sets of samples that a fit goes through.
        model_bytes: Bytes of a saved model; None: the adapter does not say.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    data_hash: str
    pool: int
    pool_bytes: int
    draws: int
    model_bytes: int | None


def facts_of(adapter: "AnyModality") -> Facts:
    """Return the facts of an adapter."""
    pool = adapter.splits.train
    return Facts(
        data_hash=adapter.splits.data_hash(),
        pool=len(pool),
        pool_bytes=pool.nbytes(),
        draws=adapter.draws,
        model_bytes=adapter.model_bytes(),
    )


class RememberedFacts:
    """The facts of a regime that was found runnable, under a hash of all that they depend on, in the cache folder.

    That is the regime, what is run of it, the adapter's version, the installed packages, files of the user's own, and the size
    and time of every file that the regime names. A run does not go by it: what it finds differs from what it reads at worst in a
    plan that is looked at.
    """

    def __init__(self, regime: Regime, horizons: Mapping[str, int]) -> None:
        """Work out where the facts lie.

        Args:
            regime: The regime.
            horizons: By the name of each strategy, the last generation to run.
        """
        point = modalities.entry_point(regime.modality)
        package = point.dist.name if point is not None and point.dist is not None else "fortifai"
        content = {
            "regime": regime.model_dump(mode="json"),
            "horizons": dict(horizons),
            "adapter": modalities.get(regime.modality).version,
            "packages": [version("fortifai"), version(package), sorted(installed())],
            "sources": [*_sources("fortifai"), *_sources(modalities.get(regime.modality).adapter.partition(":")[0])],
            "code": {name: file.sha256 for name, file in used_by([*horizons, *regime.metrics]).items()},
        }
        stamps = list(_stamps((regime.model.model_dump(mode="json"), regime.data.model_dump(mode="json"))))
        self._path = None
        if None not in stamps:
            self._path = cached_file("plans", f"{content_hash({**content, 'files': stamps})}.json")

    def recall(self) -> Facts | None:
        """Return the facts, or None where there are none, or none that can be read."""
        if self._path is None:
            return None
        try:
            return Facts.model_validate_json(self._path.read_bytes())
        except (OSError, ValidationError):
            return None

    def keep(self, facts: Facts) -> None:
        """Keep the facts of a regime that was found runnable."""
        if self._path is not None:
            write_cached(self._path, facts.model_dump_json().encode())


def installed() -> Iterator[str]:
    """Yield the folders that say what is installed, in which version."""
    for place in sys.path:
        if os.path.isdir(place):
            yield from (name for name in os.listdir(place) if name.endswith((".dist-info", ".egg-info")))


def _sources(module: str) -> Iterator[tuple[str, int, int]]:
    """Yield path, size and time of the sources of the package that a module is in, which change without a new version."""
    spec = find_spec(module)
    if spec is None or spec.origin is None:
        return
    root = Path(spec.origin).parent
    while (root.parent / "__init__.py").exists():
        root = root.parent
    for file in sorted(root.rglob("*.py")):
        state = file.stat()
        yield str(file.relative_to(root)), state.st_size, state.st_mtime_ns


def _stamps(value: Any) -> Iterator[tuple[str, int, int] | None]:
    """Yield path, size and time of every file that a configuration names, and None where there are too many of them."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, (list, tuple)):
        for inner in value:
            yield from _stamps(inner)
    elif isinstance(value, str) and value and len(value) < 4096 and os.path.exists(value):
        path = Path(value).resolve()
        files = sorted(path.rglob("*")) if path.is_dir() else [path]
        if len(files) > MOST_FILES:
            yield None
            return
        for file in files:
            state = file.stat()
            yield str(file), state.st_size, state.st_mtime_ns
