"""Run as a program: makes, fits and asks an adapter in this process, which has seen nothing else, and writes what came of it.

Imports as little as it can at first, so that what a declaration brings along can be told.
"""

import json
import socket
import sys
from collections.abc import Callable, Mapping
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import Any, NoReturn

REQUEST, RESULT = "request.json", "result.json"

OFFLINE = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1"}
"""By which the libraries that could fetch something are told not to."""

SLOW = ("torch", "transformers", "sklearn", "diffusers", "tensorflow", "jax")
"""Modules that take seconds to import, which `fortifai list` must not wait for."""

Answer = dict[str, object]


def main(folder: Path) -> None:
    """Answer the request in a folder."""
    request: dict[str, Any] = json.loads((folder / REQUEST).read_text())
    answer = _of_declaration(request) if request["what"] == "declaration" else _of_adapter(request, folder / "model")
    (folder / RESULT).write_text(json.dumps(answer))


def _of_declaration(request: Mapping[str, Any]) -> Answer:
    from fortifai.registry import load_object

    for key in ("config", "data", "sampling"):
        load_object(request["declaration"][key])
    imported = [name for name in SLOW if name in sys.modules]
    requires = {name.partition(".")[0] for name in request["declaration"]["requires"]} - {"torch", "safetensors"}
    sys.meta_path.insert(0, _Absent(requires))
    for name in [name for name in sys.modules if name.partition(".")[0] in requires]:
        del sys.modules[name]
    try:
        _bound(request)
    except Exception as error:
        from fortifai.errors import UserError

        kind = "UserError" if isinstance(error, UserError) else type(error).__name__
        return {"imported": imported, "error": kind, "message": str(error)}
    return {"imported": imported, "error": None, "message": ""}


def _of_adapter(request: Mapping[str, Any], saved: Path) -> Answer:
    connections: list[str] = []
    _refuse_connections(connections.append)
    from fortifai.conformance.subject import Setting, Subject

    adapter, setting, declaration = _bound(request)
    subject = Subject(declaration, Setting(*setting, request["n"]))
    fitted = subject.fit(subject.training_of(adapter), adapter=adapter)
    samples = subject.sample(fitted.model, subject.training_of(adapter), adapter=adapter)
    loaded = adapter.load_model(saved)
    nll = subject.nll(loaded, adapter.splits.test.take(slice(COMPARED)), adapter)
    return {
        "data_hash": adapter.splits.data_hash(),
        "samples": samples.fingerprint(),
        "nll": nll.double().reshape(-1).tolist(),
        "connections": connections,
    }


COMPARED = 16
"""Held-out samples that the model which was saved and the one which was loaded are compared on."""


def _bound(request: Mapping[str, Any]) -> tuple[Any, tuple[Any, Any, Any], Any]:
    """Return the adapter that a request describes, its three tables, and its declaration."""
    from fortifai.contract.declaration import ModalityDeclaration
    from fortifai.objectives.base import Elements

    facts = {**request["declaration"], "requires": tuple(request["declaration"]["requires"])}
    declaration = ModalityDeclaration(**facts, elements=Elements(density=request["density"], implicit=request["implicit"]))
    tables = declaration.tables()
    config, data, sampling = (
        tables[key].model_validate(request["config" if key == "model" else key]) for key in ("model", "data", "sampling")
    )
    return declaration.bind(config, data), (config, data, sampling), declaration  # type: ignore[arg-type]


class _Absent:
    """Finds no module of these names: to whatever imports them they are not installed."""

    def __init__(self, names: set[str]) -> None:
        self._names = names

    def find_spec(self, name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        if name.partition(".")[0] in self._names:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return None


def _refuse_connections(note: Callable[[str], object]) -> None:
    """Let every attempt to look up or reach another machine fail, and note it."""

    def refuse_lookup(host: object, *rest: object, **options: object) -> NoReturn:
        note(str(host))
        raise OSError(f"no connection to {host}: adapters are checked offline")

    def refuse(self: socket.socket, address: object) -> NoReturn:
        note(str(address))
        raise OSError(f"no connection to {address}: adapters are checked offline")

    local, connect = getattr(socket, "AF_UNIX", None), socket.socket.connect

    def guarded(self: socket.socket, address: Any) -> None:
        return connect(self, address) if self.family == local else refuse(self, address)

    socket.getaddrinfo = refuse_lookup
    socket.socket.connect = guarded  # type: ignore[method-assign, assignment]
    socket.socket.connect_ex = refuse  # type: ignore[method-assign, assignment]


if __name__ == "__main__":
    main(Path(sys.argv[1]))
