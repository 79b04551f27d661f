"""`fortifai list`: everything that has a name. Reads declarations only, so that it is instant."""

import inspect
import math
from collections.abc import Callable
from typing import Annotated, Any, TypeVar

import typer

from fortifai import metrics, objectives
from fortifai.cli.output import AsJson, print_json, print_table
from fortifai.config import Parametrised, resolve
from fortifai.contract.declaration import modalities
from fortifai.contract.metric import Metric
from fortifai.errors import UnknownName, UserError
from fortifai.planning.suite_file import read_source, suite_names, suites
from fortifai.recursion import strategies
from fortifai.registry import Registry
from fortifai.runner.executor import executors

Entry = dict[str, Any]
"""What the list says of one name, as JSON."""

P = TypeVar("P", bound=Parametrised)


def list_(
    what: Annotated[
        str | None, typer.Argument(help="suites, modalities, metrics, objectives, strategies or executors; all by default.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show suites, modalities, metrics, objectives, strategies and executors, and whether each can be used here."""
    if what is not None and what not in PARTS:
        raise UnknownName("part of the list", what, PARTS, see="fortifai list")
    parts = {name: entries() for name, entries in PARTS.items() if what in (None, name)}
    if as_json:
        print_json({"schema": 1, **parts})
        return
    for name, entries in parts.items():
        rows = [(entry["name"], entry["summary"], _remark(entry)) for entry in entries]
        print_table(("name", "summary", ""), rows, title=name)


def _remark(entry: Entry) -> str:
    if not entry.get("available", True):
        return f"unavailable: {entry['reason']}"
    remark = str(entry.get("unit") or entry.get("form") or entry.get("version") or "")
    return f"{remark} (of {entry['package']})" if entry.get("package") else remark


def _suites() -> list[Entry]:
    known = {entry["name"]: entry for entry in _modalities()}
    return [_suite(name, known) for name in suite_names()]


def _suite(name: str, known: dict[str, Entry]) -> Entry:
    try:
        source = read_source(name)
    except UserError as error:
        return {
            "name": name,
            "version": None,
            "available": False,
            "reason": str(error),
            "summary": "",
            "package": _package(suites, name),
        }
    default = source.get("defaults", {}).get("modality")
    used = sorted({regime.get("modality", default) for regime in source["regimes"].values()})
    missing = [
        f"modality {modality!r} is {_remark(known[modality]) if modality in known else 'unknown'}"
        for modality in used
        if modality not in known or not known[modality]["available"]
    ]
    return {
        "name": name,
        "version": source["version"],
        "available": not missing,
        "reason": "; ".join(missing) or None,
        "summary": source["summary"],
        "package": _package(suites, name),
        "modalities": used,
        "regimes": list(source["regimes"]),
    }


def _modalities() -> list[Entry]:
    return [_modality(name) for name in modalities]


def _modality(name: str) -> Entry:
    if reason := modalities.broken(name):
        broken: Entry = {"name": name, "version": None, "available": False, "reason": reason, "summary": "", "metrics": []}
        return {**broken, "package": _package(modalities, name)}
    declaration = modalities.get(name)
    missing = declaration.missing()
    return {
        "name": name,
        "version": declaration.version,
        "available": missing is None,
        "reason": missing,
        "summary": declaration.summary,
        "metrics": [metric.name for metric in declaration.metrics],
        "package": _package(modalities, name),
    }


def _metrics() -> list[Entry]:
    entries = [_metric(metric) for meanings in metrics.by_name().values() for metric in meanings]
    broken = [_broken(metrics.plug_ins, name) for name in metrics.plug_ins if metrics.plug_ins.broken(name)]
    return sorted((*entries, *broken), key=lambda entry: str(entry["name"]))


def _metric(metric: Metric) -> Entry:
    return {
        "name": f"{metric.name}:<{metric.takes}>" if metric.takes else metric.name,
        "available": (missing := metric.missing()) is None,
        "reason": missing,
        "summary": metric.summary,
        "better": metric.better,
        "target": metric.target,
        "unit": metric.unit,
        "range": [value if math.isfinite(value) else None for value in metric.valid],
        "least_n": metric.least_n,
        "reads": list(metric.reads),
        "chance": metric.chance,
        "package": _package(metrics.plug_ins, metric.name),
    }


def _all(registry: Registry[type[P]]) -> list[Entry]:
    return [_parametrised(registry, name) for name in registry]


def _parametrised(registry: Registry[type[P]], name: str) -> Entry:
    if registry.broken(name):
        return _broken(registry, name)
    cls = registry.get(name)
    fields = cls.model_fields
    required = [f"{key}=..." for key, field in fields.items() if field.is_required()]
    form = f"{name}:{','.join(required)}" if required else resolve(registry, name).canonical
    whole = {"name": name, "available": True, "reason": None, "summary": cls.summary(), "form": form}
    return {**whole, "parameters": _parameters(cls), "package": _package(registry, name)}


def _parameters(cls: type[Parametrised]) -> list[Entry]:
    return [
        {"name": key, "default": None if field.is_required() else field.get_default(), "description": field.description}
        for key, field in cls.model_fields.items()
    ]


def _executor(name: str) -> Entry:
    if executors.broken(name):
        return _broken(executors, name)
    kind, reason = executors.get(name), None
    try:
        kind.require()
    except UserError as error:
        reason = str(error)
    summary = (inspect.getdoc(kind) or "").partition("\n")[0]
    whole = {"name": name, "available": reason is None, "reason": reason, "summary": summary}
    return {**whole, "parameters": _parameters(kind.Options), "package": _package(executors, name)}


def _broken(registry: Registry[Any], name: str) -> Entry:
    whole = {"name": name, "available": False, "reason": registry.broken(name), "summary": ""}
    return {**whole, "package": _package(registry, name)}


def _package(registry: Registry[Any], name: str) -> str | None:
    """Return the package that brings something, with its version, or None for what comes with fortifai."""
    point = registry.entry_point(name)
    if point is None or point.dist is None or point.dist.name == "fortifai":
        return None
    return f"{point.dist.name} {point.dist.version}"


PARTS: dict[str, Callable[[], list[Entry]]] = {
    "suites": _suites,
    "modalities": _modalities,
    "metrics": _metrics,
    "objectives": lambda: _all(objectives.registry),
    "strategies": lambda: _all(strategies.registry),
    "executors": lambda: [_executor(name) for name in executors],
}
