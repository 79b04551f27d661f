"""What a task file of the lm-evaluation-harness would run as Python: found without running any of it, and refused.

Loading a task file imports what its ``!function`` tags name, and a metric that the harness does not have is a script. Its
templates may do anything too, since the harness renders them in a Jinja environment that is not sandboxed.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import lm_eval.api.metrics  # noqa: F401  # registers the harness's own metrics
import yaml  # type: ignore[import-untyped]
from jinja2.sandbox import SandboxedEnvironment
from lm_eval import utils
from lm_eval.api.registry import METRIC_REGISTRY

from fortifai.errors import UserError
from fortifai.permission import VARIABLE

RISKY_READERS = frozenset(("generator", "iceberg", "pandas", "spark", "sql"))
"""Readers of the datasets library that unpickle files, in some of its releases, or import what their settings name."""

LARGEST = 2**20
"""Bytes of a task file."""


def require_no_code(file: Path, subject: str) -> None:
    """Raise UserError for the first thing in a task file, or in one that it includes, that would run as Python.

    Args:
        file: The task file.
        subject: What the message begins with.
    """
    for what in _named_code(file, set()):
        raise refused_code(subject, what)


def refused_code(subject: str, what: str) -> UserError:
    """Return the error that a task would run code which the user has not allowed.

    Args:
        subject: What the message begins with.
        what: The code, and where it is named.
    """
    return UserError(
        f"{subject}: the task would run Python code: {what}; read it first, and if you trust it, pass --allow-code "
        f"(or set {VARIABLE}=1)"
    )


@contextmanager
def sandboxed_templates() -> Iterator[None]:
    """Let the harness render templates in a sandbox, in which they reach neither private attributes nor modules."""
    unsafe = utils.env
    safe = SandboxedEnvironment(undefined=unsafe.undefined, keep_trailing_newline=unsafe.keep_trailing_newline)
    safe.filters.update(unsafe.filters)
    utils.env = safe
    try:
        yield
    finally:
        utils.env = unsafe


def _named_code(file: Path, read: set[Path]) -> Iterator[str]:
    """Yield what a task file and those that it includes would run, each named with its file; none is read twice."""
    if (path := file.resolve()) in read:
        return
    read.add(path)
    tree, content = _parse(path)
    yield from (f"{tag} of {file}" for tag in _foreign_tags(tree, set()))
    for mapping in _mappings(content(), set()):
        yield from (f"{what} of {file}" for what in _code_of(mapping))
        for name in _included(mapping):
            # Releases of the harness differ in which of the two they take.
            for place in (path.parent / name, Path(name)):
                if place.is_file():
                    yield from _named_code(place, read)


def _parse(file: Path) -> tuple[yaml.Node, Callable[[], Any]]:
    """Return the nodes of a YAML file, and what returns its content, where no node has a tag of its own."""

    def with_reason(read: Callable[[], Any]) -> Any:
        try:
            return read()
        except RecursionError:
            reason = "it is nested too deeply"
        except (OSError, ValueError, TypeError, yaml.YAMLError) as error:  # PyYAML raises them at what is not a date or a number
            reason = " ".join(str(error).split())
        raise UserError(f"{file}: cannot be read as YAML: {reason}")

    text = with_reason(lambda: _read(file))
    return with_reason(lambda: yaml.compose(text, yaml.SafeLoader)), lambda: with_reason(lambda: yaml.safe_load(text))


def _read(file: Path) -> str:
    with file.open("rb") as stream:
        content = stream.read(LARGEST + 1)
    if len(content) > LARGEST:
        raise ValueError(f"it has more than {LARGEST // 2**20} MiB")
    return content.decode()


def _foreign_tags(node: yaml.Node, seen: set[int]) -> Iterator[str]:
    """Yield every tag below a node that is not of plain data, with what it is put on and its line."""
    if id(node) in seen:
        return
    seen.add(id(node))
    if isinstance(node, yaml.CollectionNode):
        for entry in node.value:
            for inner in entry if isinstance(entry, tuple) else (entry,):
                yield from _foreign_tags(inner, seen)
    if node is not None and node.tag not in yaml.SafeLoader.yaml_constructors:
        value = f" {node.value}" if isinstance(node, yaml.ScalarNode) and node.value else ""
        yield f"{node.tag}{value} in line {node.start_mark.line + 1}"


def _mappings(value: Any, seen: set[int]) -> Iterator[dict[Any, Any]]:
    """Yield every mapping in a value; one that an alias repeats, once."""
    if id(value) in seen:
        return
    if isinstance(value, dict | list):
        seen.add(id(value))
    if isinstance(value, dict):
        yield value
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _mappings(inner, seen)


def _included(mapping: dict[Any, Any]) -> Iterator[str]:
    """Yield the YAML files that a mapping names: those it includes, and tasks of a group that are files."""
    for key in ("include", "task", "group"):
        value = mapping.get(key)
        for name in value if isinstance(value, list) else [value]:
            if isinstance(name, str) and (key == "include" or name.endswith((".yaml", ".yml"))):
                yield name


def _code_of(mapping: dict[Any, Any]) -> Iterator[str]:
    """Yield what the keys of one mapping would run, tags apart."""
    metrics = mapping.get("metric_list")
    for entry in metrics if isinstance(metrics, list) else ():
        name = entry.get("metric") if isinstance(entry, dict) else None
        if isinstance(name, str) and (name not in METRIC_REGISTRY or entry.get("hf_evaluate")):
            yield f"the metric {name!r}, which is a script and not one of the harness's own"
    if mapping.get("trust_remote_code"):
        yield "the data set's own (trust_remote_code)"
    path = mapping.get("dataset_path")
    if not isinstance(path, str):
        return
    if path in RISKY_READERS:
        yield f"the reader {path!r} of data sets"
    elif path.endswith(".py") or (path and Path(path).is_dir() and any(Path(path).glob("*.py"))):
        yield f"the script of the data set {path!r}"
