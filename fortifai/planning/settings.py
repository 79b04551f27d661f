"""The user's key=value settings, and where they go in the content of a suite file."""

import tomllib
from collections.abc import Iterable, Iterator
from copy import deepcopy
from typing import Any

from fortifai.errors import UserError


def parse_settings(settings: Iterable[str]) -> dict[str, Any]:
    """Return ``["n=500", "sampling.temperature=0.9"]`` as a dict; values are TOML, and plain text where they are not.

    Raises:
        UserError: A setting is not of the form key=value.
    """
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


def apply_setting(content: dict[str, Any], setting: str, value: Any) -> Iterator[str]:
    """Put a setting where it belongs, and yield what is wrong with it.

    A key of the whole suite goes to the top, ``regimes.<name>.<key>`` to that regime, any other into every regime.

    Args:
        content: The content of a suite file, which is changed.
        setting: The key, with dots between its parts.
        value: The value, as TOML has it.
    """
    path = setting.split(".")
    if path[0] in ("rule", "summary"):
        content[path[0]] = value
        return
    regimes = content["regimes"]
    if path[0] != "regimes":
        for regime in regimes.values():
            yield from _assign(regime, path, value, setting)
    elif len(path) > 2 and path[1] in regimes:
        yield from _assign(regimes[path[1]], path[2:], value, setting)
    else:
        yield f"--set {setting}: should be regimes.<name>.<key>; regimes: {', '.join(regimes)}"


def _assign(table: dict[str, Any], path: list[str], value: Any, setting: str) -> Iterator[str]:
    for key in path[:-1]:
        inner = table.setdefault(key, {})
        if not isinstance(inner, dict):
            yield f"--set {setting}: {key} is {inner!r}, not a table whose keys can be set"
            return
        table = inner
    table[path[-1]] = deepcopy(value)
