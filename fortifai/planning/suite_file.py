"""From a name or a path to a validated suite: every error of a file is reported at once, with its key."""

import json
import tomllib
from collections.abc import Callable, Iterable, Mapping
from copy import deepcopy
from importlib.resources import files
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from fortifai import metrics
from fortifai.config import Frozen, ModelConfig, Sampling, explain
from fortifai.contract.declaration import ModalityDeclaration, modalities
from fortifai.contract.metric import Metric
from fortifai.errors import UnknownName, UserError
from fortifai.planning.settings import _apply, parse_settings
from fortifai.planning.suite import Regime, Suite
from fortifai.registry import load_object

ADAPTER_TABLES = ("model", "data", "sampling")
"""The keys of a regime whose content is the adapter's own."""

OURS = ("overrides", "source")
"""Fields of a suite that are no keys of its file."""


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


def build_suite(source: Mapping[str, Any], overrides: Mapping[str, Any], where: str) -> Suite:
    """Validate the content of a suite file. Raises UserError that lists every error, each with its key."""
    errors: dict[str, None] = {}  # a set that keeps its order: an error of `defaults` is found once in every regime
    content = deepcopy(dict(source))
    defaults, named = content.get("defaults", {}), content.get("regimes")
    if not isinstance(defaults, dict) or not isinstance(named, dict) or not all(isinstance(r, dict) for r in named.values()):
        raise UserError(f"suite {where}: needs at least one [regimes.<name>] table; `defaults` is a table too")
    for key, value in overrides.items():
        _apply(content, key.split("."), value, errors)
    regimes = [_build_regime(name, regime, defaults, errors) for name, regime in named.items()]
    suite = None
    top = {key: value for key, value in content.items() if key not in ("defaults", "regimes", *OURS)}
    errors.update({f"{key}: unknown key": None for key in OURS if key in content})
    try:
        found = tuple(regime for regime in regimes if regime is not None)
        suite = Suite(**top, regimes=found, overrides=dict(overrides), source=json_copy(source))
    except ValidationError as error:
        known = [f.alias or k for k, f in Suite.model_fields.items() if k not in OURS]
        errors.update(dict.fromkeys(explain(error, known=[*known, "defaults"])))
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


def _build_regime(name: str, given: dict[str, Any], defaults: dict[str, Any], errors: dict[str, None]) -> Regime | None:
    merged, found = _merge(defaults, given), len(errors)

    def report(lines: Iterable[str]) -> None:
        for line in lines:
            key = line.partition(":")[0].split(".")[0]
            table = "defaults" if key in defaults and key not in given else f"regimes.{name}"
            errors[f"{table}.{line}"] = None

    for key in sorted(given.keys() & defaults.keys()):
        if isinstance(given[key], dict) and not isinstance(defaults[key], dict):  # it would be lost, and nobody told
            report([f"{key}: a table cannot be laid over {defaults[key]!r}, the default; write that as a table too"])
    if merged.pop("name", None) is not None:
        report(["name: unknown key; a regime has the name of its table"])
    try:
        declaration = modalities.get(str(merged.get("modality", "")))
    except UserError as error:
        report([f"modality: {error}"])
        # Stand-ins, so that what does not depend on the modality is checked all the same.
        merged |= {"model": ModelConfig(), "data": Frozen(), "sampling": Sampling(), "metrics": []}
    else:
        _build_adapter_tables(declaration, merged, report)
        report(_metric_errors(declaration, merged))
    try:
        regime = Regime(name=name, **merged)
    except ValidationError as error:
        report(explain(error, known=[key for key in Regime.model_fields if key != "name"]))
        return None
    return regime if len(errors) == found else None


def _build_adapter_tables(
    declaration: ModalityDeclaration, merged: dict[str, Any], report: Callable[[Iterable[str]], None]
) -> None:
    for key in ADAPTER_TABLES:
        cls = load_object(getattr(declaration, key if key != "model" else "config"))
        try:
            merged[key] = cls.model_validate(merged.get(key, {}))
        except ValidationError as error:
            report(explain(error, known=cls.model_fields, prefix=f"{key}."))
            merged[key] = cls.model_construct()
    known = metrics.of(declaration)
    merged.setdefault("metrics", [name for name in known if known.get(name).by_default])


def _metric_errors(declaration: ModalityDeclaration, merged: Mapping[str, Any]) -> list[str]:
    known: dict[str, Metric] = {}
    errors = []
    names, scored = merged["metrics"], merged.get("fidelity_metric")
    for name in names if isinstance(names, list) else []:
        if isinstance(name, str):
            try:
                known[name] = metrics.find(declaration, name)
            except UserError as error:
                errors.append(f"metrics: {error}")
                continue
            if missing := known[name].missing():
                errors.append(f"metrics: {name!r} {missing}")
    if isinstance(scored, str) and isinstance(names, list):
        if scored not in names:
            errors.append(f"fidelity_metric: {scored!r} is not one of metrics ({', '.join(map(str, names))})")
        elif scored in known:
            metric = known[scored]
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
