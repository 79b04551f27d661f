"""From a name or a path to a validated suite: every error of a file is reported at once, with its key."""

import json
import tomllib
from collections.abc import Iterable, Mapping
from copy import deepcopy
from importlib.resources import files
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from fortifai import metrics
from fortifai.config import explain
from fortifai.declaration import ModalityDeclaration, modalities
from fortifai.errors import UnknownName, UserError
from fortifai.registry import load_object
from fortifai.suite import Regime, Suite

ADAPTER_TABLES = ("model", "data", "sampling")
"""The keys of a regime whose content is the adapter's own."""


def suite_names() -> list[str]:
    """Names of the suites that come with fortifai."""
    shipped = files("fortifai.suites").iterdir()
    return sorted(entry.name.removesuffix(".toml") for entry in shipped if entry.name.endswith(".toml"))


def load_suite(name_or_path: str | Path, settings: Iterable[str] = ()) -> Suite:
    """Read a suite by name, or by the path of a .toml file, with the user's ``key=value`` settings put into it.

    Raises UserError that lists every error of the file.
    """
    return build_suite(read_source(name_or_path), parse_settings(settings), where=str(name_or_path))


def read_source(name_or_path: str | Path) -> dict[str, Any]:
    """Read the content of a suite file, unvalidated. Raises UserError when there is none or it is no TOML."""
    text = str(name_or_path)
    if not (text.endswith(".toml") or "/" in text):
        if text not in suite_names():
            raise UnknownName("suite", text, suite_names())
        return tomllib.loads(files("fortifai.suites").joinpath(f"{text}.toml").read_text("utf-8"))
    try:
        return tomllib.loads(Path(text).read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"suite file {text}: cannot be read: {error}") from None
    except tomllib.TOMLDecodeError as error:
        raise UserError(f"suite file {text}: is not TOML: {error}") from None


def parse_settings(settings: Iterable[str]) -> dict[str, Any]:
    """Turn ``["n=500", "sampling.temperature=0.9"]`` into a dict; values are TOML, and plain text where they are not."""
    parsed: dict[str, Any] = {}
    for setting in settings:
        key, equals, value = setting.partition("=")
        if not equals or not key.strip():
            raise UserError(f"--set {setting!r}: should be key=value, such as --set sampling.temperature=0.9")
        try:
            parsed[key.strip()] = tomllib.loads(f"value = {value}")["value"]
        except tomllib.TOMLDecodeError:
            parsed[key.strip()] = value
    return parsed


def build_suite(source: Mapping[str, Any], overrides: Mapping[str, Any], where: str) -> Suite:
    """Validate the content of a suite file. Raises UserError that lists every error, each with its key."""
    errors: dict[str, None] = {}  # a set that keeps its order: an error of `defaults` is found once in every regime
    content = deepcopy(dict(source))
    for key, value in overrides.items():
        _apply(content, key.split("."), value, errors)
    defaults, named = content.get("defaults", {}), content.get("regimes")
    if not isinstance(defaults, dict) or not isinstance(named, dict) or not all(isinstance(r, dict) for r in named.values()):
        raise UserError(f"suite {where}: needs at least one [regimes.<name>] table; `defaults` is a table too")
    regimes = [_build_regime(name, regime, defaults, errors) for name, regime in named.items()]
    suite = None
    top = {key: value for key, value in content.items() if key not in ("defaults", "regimes")}
    try:
        found = tuple(regime for regime in regimes if regime is not None)
        suite = Suite(**top, regimes=found, overrides=dict(overrides), source=json_copy(source))
    except ValidationError as error:
        known = [f.alias or k for k, f in Suite.model_fields.items() if k not in ("overrides", "source")]
        errors.update(dict.fromkeys(explain(error, known=[*known, "defaults"])))
    except TypeError as error:
        errors[str(error)] = None
    if not named:
        errors["regimes: there is none; a suite needs at least one [regimes.<name>] table"] = None
    if errors or suite is None:
        count = f"{len(errors)} error{'s' if len(errors) > 1 else ''}"
        raise UserError(f"suite {where}: {count}:\n" + "\n".join(f"  {line}" for line in errors))
    return suite


def json_copy(content: Mapping[str, Any]) -> dict[str, Any]:
    """Give the content as JSON values (a TOML date becomes text), which the run folder keeps and workers are sent."""
    copied: dict[str, Any] = json.loads(json.dumps(content, default=str))
    return copied


def _apply(content: dict[str, Any], path: list[str], value: Any, errors: dict[str, None]) -> None:
    """Put a setting where it belongs: a key of Suite at the top, ``regimes.<name>.<key>`` there, any other in every regime."""
    if path[0] in ("rule", "summary"):
        content[path[0]] = value
        return
    regimes = content.get("regimes", {})
    if path[0] != "regimes":
        for regime in regimes.values():
            _assign(regime, path, value)
    elif len(path) > 2 and path[1] in regimes:
        _assign(regimes[path[1]], path[2:], value)
    else:
        errors[f"--set {'.'.join(path)}: should be regimes.<name>.<key>; regimes: {', '.join(regimes)}"] = None


def _assign(table: dict[str, Any], path: list[str], value: Any) -> None:
    for key in path[:-1]:
        inner = table.get(key, {})
        table[key] = inner if isinstance(inner, dict) else {}
        table = table[key]
    table[path[-1]] = value


def _build_regime(name: str, given: dict[str, Any], defaults: dict[str, Any], errors: dict[str, None]) -> Regime | None:
    merged = _merge(defaults, given)

    def report(lines: Iterable[str]) -> None:
        for line in lines:
            key = line.partition(":")[0].split(".")[0]
            table = "defaults" if key in defaults and key not in given else f"regimes.{name}"
            errors[f"{table}.{line}"] = None

    try:
        declaration = modalities.get(str(merged.get("modality", "")))
    except UserError as error:
        report([f"modality: {error}"])
        return None
    found = len(errors)
    for key in ADAPTER_TABLES:
        cls = load_object(getattr(declaration, key if key != "model" else "config"))
        try:
            merged[key] = cls.model_validate(merged.get(key, {}))
        except ValidationError as error:
            report(explain(error, known=cls.model_fields, prefix=f"{key}."))
            merged[key] = cls.model_construct()
    merged.setdefault("metrics", list(metrics.of(declaration)))
    report(_metric_errors(declaration, merged))
    try:
        regime = Regime(name=name, **merged)
    except ValidationError as error:
        report(explain(error, known=[key for key in Regime.model_fields if key != "name"]))
        return None
    return regime if len(errors) == found else None


def _metric_errors(declaration: ModalityDeclaration, merged: Mapping[str, Any]) -> list[str]:
    known, errors = metrics.of(declaration), []
    names, scored = merged["metrics"], merged.get("fidelity_metric")
    for name in names if isinstance(names, list) else []:
        if name not in known:
            errors.append(f"metrics: {UnknownName('metric', str(name), known)}")
    if isinstance(scored, str) and isinstance(names, list):
        if scored not in names:
            errors.append(f"fidelity_metric: {scored!r} is not one of metrics ({', '.join(map(str, names))})")
        elif scored in known:
            metric = known.get(scored)
            if metric.better == "target":
                errors.append(f"fidelity_metric: {scored!r} is best at {metric.target}, a distance or an accuracy is needed")
            elif "model" in metric.needs and metric.chance is None:
                errors.append(f"fidelity_metric: {scored!r} needs a model, so its null (repeated samples) cannot be measured")
    return errors


def _merge(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Lay a regime's keys over the defaults, table by table."""
    merged = deepcopy(dict(below))
    for key, value in above.items():
        inner = merged.get(key)
        merged[key] = _merge(inner, value) if isinstance(inner, dict) and isinstance(value, dict) else deepcopy(value)
    return merged
