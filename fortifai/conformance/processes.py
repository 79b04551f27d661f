"""What an adapter does in a process of its own, which is asked through a file: `fortifai.conformance.fresh` answers there."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from weakref import WeakKeyDictionary

from fortifai.conformance.fresh import OFFLINE, REQUEST, RESULT
from fortifai.conformance.subject import Subject
from fortifai.errors import BrokenAdapter

LONGEST = 900
"""Seconds after which a process is given up."""

HASH_SEED = "271828"
"""Python's order of sets there; here it is whatever it is."""


@dataclass(frozen=True)
class Fresh:
    """What the adapter did in a fresh process.

    Attributes:
        data_hash: That of its splits.
        samples: The fingerprint of what the model of `Subject.fitted`, fitted there, makes.
        nll: The likelihood, under the model that was saved here and loaded there, of the first held-out samples, in one row.
        connections: Where it tried to connect to.
    """

    data_hash: str
    samples: str
    nll: tuple[float, ...]
    connections: tuple[str, ...]


@dataclass(frozen=True)
class Bare:
    """What the declaration did in a process in which nothing else had been imported.

    Attributes:
        imported: The modules of those that are slow to import which its configuration classes brought along.
        error: The kind of error with which the adapter was refused when its requirements were absent; None: there was none.
        message: Its text.
    """

    imported: tuple[str, ...]
    error: str | None
    message: str


_fresh: WeakKeyDictionary[Subject, Fresh] = WeakKeyDictionary()
_bare: WeakKeyDictionary[Subject, Bare] = WeakKeyDictionary()


def in_fresh_process(subject: Subject) -> Fresh:
    """Return what the adapter does in a fresh process, which is asked once for all checks.

    Raises:
        BrokenAdapter: It failed there.
    """
    if subject not in _fresh:
        with TemporaryDirectory() as folder:
            saved = Path(folder, "model")
            saved.mkdir()
            subject.adapter.save(subject.model, saved)
            answer = _ask("adapter", subject, Path(folder))
        _fresh[subject] = Fresh(
            str(answer["data_hash"]), str(answer["samples"]), _numbers(answer["nll"]), _texts(answer["connections"])
        )
    return _fresh[subject]


def in_bare_process(subject: Subject) -> Bare:
    """Return what the declaration does where nothing else has been imported and the modules that it requires are absent.

    Raises:
        BrokenAdapter: It failed there.
    """
    if subject not in _bare:
        with TemporaryDirectory() as folder:
            answer = _ask("declaration", subject, Path(folder))
        error = answer["error"]
        _bare[subject] = Bare(_texts(answer["imported"]), None if error is None else str(error), str(answer["message"]))
    return _bare[subject]


def _ask(what: str, subject: Subject, folder: Path) -> Mapping[str, object]:
    declaration, setting = subject.declaration, subject.setting
    names = ("name", "version", "summary", "adapter", "config", "data", "sampling", "requires", "extra")
    request = {
        "what": what,
        "declaration": {name: getattr(declaration, name) for name in names},
        "density": declaration.elements.density,
        "implicit": declaration.elements.implicit,
        "config": setting.config.model_dump(mode="json"),
        "data": setting.data.model_dump(mode="json"),
        "sampling": setting.sampling.model_dump(mode="json"),
        "n": setting.n,
    }
    (folder / REQUEST).write_text(json.dumps(request))
    path = os.pathsep.join(filter(None, sys.path))
    environment = {**os.environ, **OFFLINE, "PYTHONPATH": path, "PYTHONHASHSEED": HASH_SEED}
    command = [sys.executable, "-P", "-m", "fortifai.conformance.fresh", str(folder)]
    try:
        ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=LONGEST, check=False)
    except subprocess.TimeoutExpired:
        raise BrokenAdapter(f"in a fresh process the adapter was not done after {LONGEST} seconds") from None
    if ended.returncode != 0:
        last = (ended.stderr.strip() or "nothing was said").splitlines()[-1]
        raise BrokenAdapter(f"in a fresh process the adapter failed: {last}")
    answer: dict[str, object] = json.loads((folder / RESULT).read_text())
    return answer


def _texts(values: object) -> tuple[str, ...]:
    return tuple(map(str, values)) if isinstance(values, list) else ()


def _numbers(values: object) -> tuple[float, ...]:
    return tuple(map(float, values)) if isinstance(values, list) else ()
