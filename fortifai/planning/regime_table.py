"""One ``[regimes.<name>]`` table of a suite file, laid over the defaults and validated."""

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from pydantic import ValidationError

from fortifai import metrics
from fortifai.config import Frozen, ModelConfig, Sampling, explain
from fortifai.contract.declaration import ModalityDeclaration, modalities
from fortifai.contract.metric import Metric
from fortifai.errors import UserError
from fortifai.planning.suite import Regime

MORE_METRICS = "metrics+"
"""The setting that adds to what a regime measures, which `--metric` is short for."""


def build_regime(name: str, table: Mapping[str, Any], defaults: Mapping[str, Any]) -> tuple[Regime | None, list[str]]:
    """Return the regime of a table, or None, and everything that is wrong with it, each error with the key it is about.

    Args:
        name: The regime's name.
        table: Its own keys.
        defaults: The suite's, which hold where the regime has no key of its own.
    """
    errors = []
    for key in sorted(table.keys() & defaults.keys()):
        if isinstance(table[key], dict) and not isinstance(defaults[key], dict):  # it would be lost without notice
            errors.append(f"{key}: a table cannot be laid over {defaults[key]!r}, the default; write that as a table too")
    merged = _merge(defaults, table)
    if merged.pop("name", None) is not None:
        errors.append("name: unknown key; a regime has the name of its table")
    try:
        declaration = modalities.get(str(merged.get("modality", "")))
    except UserError as error:
        errors.append(f"modality: {error}")
        # Stand-ins, so that what does not depend on the modality is checked all the same.
        merged |= {"model": ModelConfig(), "data": Frozen(), "sampling": Sampling(), "metrics": []}
    else:
        errors += _build_adapter_tables(declaration, merged)
        errors += _metric_errors(declaration, merged)
    regime = None
    try:
        regime = Regime(name=name, **merged)
    except ValidationError as error:
        errors += explain(error, known=[key for key in Regime.model_fields if key != "name"])
    return None if errors else regime, [_located(error, name, table, defaults) for error in errors]


def _located(error: str, name: str, table: Mapping[str, Any], defaults: Mapping[str, Any]) -> str:
    """Put the table that an error's key stands in before it."""
    key = error.partition(":")[0].split(".")[0]
    return f"{'defaults' if key in defaults and key not in table else f'regimes.{name}'}.{error}"


def _build_adapter_tables(declaration: ModalityDeclaration, merged: dict[str, Any]) -> list[str]:
    """Validate the tables that are the adapter's own, in place, and return what is wrong with them."""
    errors = []
    for key, cls in declaration.tables().items():
        try:
            merged[key] = cls.model_validate(merged.get(key, {}))
        except ValidationError as error:
            errors += explain(error, known=cls.model_fields, prefix=f"{key}.")
            merged[key] = cls.model_construct()
    known = metrics.of(declaration)
    merged.setdefault("metrics", [name for name in known if known.get(name).by_default])
    added = merged.pop(MORE_METRICS, [])
    if isinstance(merged["metrics"], list) and isinstance(added, list):
        merged["metrics"] = [*merged["metrics"], *(name for name in added if name not in merged["metrics"])]
    else:
        errors.append(f"{MORE_METRICS}: should be a list of metrics")
    return errors


def _metric_errors(declaration: ModalityDeclaration, merged: Mapping[str, Any]) -> list[str]:
    names, scored = merged["metrics"], merged.get("fidelity_metric")
    if not isinstance(names, list):
        return []  # reported by the regime's own validation
    errors = []
    known: dict[str, Metric] = {}
    for name in (name for name in names if isinstance(name, str)):
        try:
            known[name] = metrics.find(declaration, name)
        except UserError as error:
            errors.append(f"metrics: {error}")
            continue
        if missing := known[name].missing():
            errors.append(f"metrics: {name!r} {missing}")
    if isinstance(scored, str) and scored not in names:
        errors.append(f"fidelity_metric: {scored!r} is not one of metrics ({', '.join(map(str, names))})")
    elif isinstance(scored, str) and scored in known:
        metric = known[scored]
        if metric.better == "target":
            errors.append(f"fidelity_metric: {scored!r} is best at {metric.target}, a distance or an accuracy is needed")
        elif "model" in metric.reads and metric.chance is None:
            errors.append(f"fidelity_metric: {scored!r} needs a model, so its null (repeated samples) cannot be measured")
    return errors


def _merge(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Lay a regime's keys over the defaults, table by table."""
    merged = deepcopy(dict(below))
    for key, value in above.items():
        inner = merged.get(key)
        merged[key] = _merge(inner, value) if isinstance(inner, dict) and isinstance(value, dict) else deepcopy(value)
    return merged
