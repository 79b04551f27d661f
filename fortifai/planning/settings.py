"""The user's key=value settings, put into the content of a suite file."""

import tomllib
from collections.abc import Iterable
from copy import deepcopy
from typing import Any

from fortifai.errors import UserError


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


def _apply(content: dict[str, Any], path: list[str], value: Any, errors: dict[str, None]) -> None:
    """Put a setting where it belongs: a key of Suite at the top, ``regimes.<name>.<key>`` there, any other in every regime."""
    if path[0] in ("rule", "summary"):
        content[path[0]] = value
        return
    regimes, setting = content["regimes"], ".".join(path)
    if path[0] != "regimes":
        for regime in regimes.values():
            _assign(regime, path, value, setting, errors)
    elif len(path) > 2 and path[1] in regimes:
        _assign(regimes[path[1]], path[2:], value, setting, errors)
    else:
        errors[f"--set {setting}: should be regimes.<name>.<key>; regimes: {', '.join(regimes)}"] = None


def _assign(table: dict[str, Any], path: list[str], value: Any, setting: str, errors: dict[str, None]) -> None:
    for key in path[:-1]:
        inner = table.setdefault(key, {})
        if not isinstance(inner, dict):
            errors[f"--set {setting}: {key} is {inner!r}, not a table whose keys can be set"] = None
            return
        table = inner
    table[path[-1]] = deepcopy(value)
