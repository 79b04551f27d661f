"""The user's key=value settings, and where they go in the content of a suite file."""

import tomllib
from collections.abc import Iterable, Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

from fortifai.code_files import admit, file_of
from fortifai.errors import UserError
from fortifai.permission import VARIABLE, code_is_allowed
from fortifai.sanitise import one_line

MOST_NESTED = 32
"""How deep tables and lists may lie in one another; what reads them goes down by a call each."""

NAMING_CODE = ("objectives", "strategies", "metrics", "metrics+", "fidelity_metric")
"""Keys of a regime whose values may be names such as ``./mine.py:Softer``."""


def parse_settings(settings: Iterable[str]) -> dict[str, Any]:
    """Return ``["n=500", "sampling.temperature=0.9"]`` as a dict; values are TOML, and plain text where they are not.

    Raises:
        UserError: A setting is not of the form key=value, or its value is nested too deeply or too large a number.
    """
    parsed: dict[str, Any] = {}
    for setting in settings:
        key, equals, value = setting.partition("=")
        key = key.strip()
        if not equals or not key:
            raise UserError(f"--set {setting!r}: should be key=value, such as --set sampling.temperature=0.9")
        if not setting.isascii() and any("\ud800" <= character <= "\udfff" for character in setting):
            raise UserError(f"--set {setting!r}: is not UTF-8")
        if key.count(".") > MOST_NESTED:
            raise UserError(f"--set {one_line(key)}: has more than {MOST_NESTED} parts")
        try:
            content = parse_toml(f"value = {value}", f"--set {one_line(key)}")
            parsed[key] = content["value"] if len(content) == 1 else value
        except tomllib.TOMLDecodeError:
            parsed[key] = value
    return parsed


def with_code(key: str, value: Any, in_file: Path | None = None) -> Any:
    """Return the value of a key with the folders of code files left out, which are run; any other value as it is.

    Args:
        key: Of a regime, or of a setting, with dots between its parts.
        value: As TOML has it.
        in_file: The suite file that has it, whose folder paths start from; None: the user wrote it.

    Raises:
        UserError: A file cannot be run, or a suite file names one and the user has not allowed code.
    """
    if isinstance(value, list):
        return [with_code(key, inner, in_file) for inner in value]
    if key.split(".")[-1] not in NAMING_CODE or not isinstance(value, str) or file_of(value) is None:
        return value
    if in_file is not None and not code_is_allowed():
        raise UserError(
            f"suite file {in_file}: {key} has code run, of {one_line(value)}, which could do whatever you can: "
            f"read it, and then add --allow-code (or set {VARIABLE}=1)"
        )
    return admit(value, Path() if in_file is None else in_file.parent)


def parse_toml(text: str, where: str) -> dict[str, Any]:
    """Return the content of a TOML document, within bounds in which everything that reads it can work.

    Args:
        text: The document.
        where: What errors begin with.

    Raises:
        TOMLDecodeError: It is not TOML.
        UserError: It is nested too deeply, or holds an integer of more than 64 bits.
    """
    try:
        content = tomllib.loads(text)
    except RecursionError:
        raise UserError(f"{where}: is nested too deeply") from None
    except tomllib.TOMLDecodeError:
        raise
    except ValueError:  # not of tomllib: Python reads at most 4,300 digits
        raise UserError(f"{where}: holds a number of too many digits") from None
    level: list[Any] = [content]
    for _ in range(MOST_NESTED):
        if any(isinstance(value, int) and not -(2**63) <= value < 2**63 for value in level):
            raise UserError(f"{where}: holds an integer of more than 64 bits, which TOML has not")
        level = [inner for value in level for inner in _inside(value)]
        if not level:
            return content
    raise UserError(f"{where}: is nested too deeply: more than {MOST_NESTED} tables or lists in one another")


def _inside(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


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
