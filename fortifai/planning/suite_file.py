"""From a name or a path to a validated suite: every error of a file is reported at once, with its key."""

import json
import stat
import tomllib
from collections.abc import Iterable, Mapping
from copy import deepcopy
from importlib.resources import files
from pathlib import Path
from types import ModuleType
from typing import Any

from pydantic import ValidationError

from fortifai.config import explain
from fortifai.errors import UnknownName, UserError
from fortifai.planning.regime_table import build_regime
from fortifai.planning.settings import apply_setting, parse_settings, parse_toml, with_code
from fortifai.planning.suite import Suite
from fortifai.records.schema import SuiteDescription
from fortifai.registry import Registry
from fortifai.sanitise import EXPLORE, one_line

LARGEST_FILE = 2**20
"""Bytes of a suite file; the largest of ours has 4,000."""

NOT_IN_FILE = ("overrides", "source")
"""Suite fields that are not keys of its file."""


suites: Registry[ModuleType] = Registry("suite", group="fortifai.suites", instance_of=ModuleType)
"""By the name of a suite, the package that holds its file, ``<name>.toml``: ours, and those of other packages."""
for _file in files("fortifai.suites").iterdir():
    if _file.name.endswith(".toml"):
        suites.register(_file.name.removesuffix(".toml"), "fortifai.suites")


def suite_names() -> list[str]:
    """Return the names of the suites that come with fortifai, and with the packages that bring others."""
    return list(suites)


def shipped_names() -> list[str]:
    """Return the names of the suites that come with fortifai."""
    return [name for name in suites if suites.entry_point(name) is None]


def load_suite(name_or_path: str | Path, settings: Iterable[str] = ()) -> Suite:
    """Return the suite of a name or a file.

    Args:
        name_or_path: A name of `suite_names`, or the path of a .toml file.
        settings: The user's, ``"key=value"`` each, which are put into it.

    Raises:
        UserError: Something is wrong with it; the text lists every error of the file, each with its key.
    """
    own = {key: with_code(key, value) for key, value in parse_settings(settings).items()}
    return build_suite(read_source(name_or_path), own, where=str(name_or_path))


def read_source(name_or_path: str | Path) -> dict[str, Any]:
    """Return the content of a suite file, unvalidated.

    Raises:
        UserError: There is none of that name, or the file is not TOML, too large, or nothing that can be read like a file.
    """
    name = str(name_or_path)
    if not (name.endswith(".toml") or "/" in name):
        return _read_named(name)
    where = f"suite file {name}"
    try:
        content = parse_toml(_read_text(Path(name), where), where)
    except (OSError, ValueError) as error:
        if isinstance(error, UserError):
            raise
        problem = "is not TOML" if isinstance(error, tomllib.TOMLDecodeError) else "cannot be read"
        raise UserError(f"{where}: {problem}: {error}") from None
    named = content.get("regimes")
    for table in (content.get("defaults"), *(named.values() if isinstance(named, dict) else ())):
        if isinstance(table, dict):
            table.update({key: with_code(key, value, in_file=Path(name)) for key, value in table.items()})
    return content


def _read_named(name: str) -> dict[str, Any]:
    if name not in suite_names():
        raise UnknownName("suite", name, suite_names())
    package = suites.get(name)
    try:
        return tomllib.loads(files(package).joinpath(f"{name}.toml").read_text("utf-8"))
    except (OSError, ValueError) as error:  # of somebody else's package
        raise UserError(f"suite {name!r} is unavailable: {name}.toml of {package.__name__}: {error}") from None


def _read_text(path: Path, where: str) -> str:
    if not stat.S_ISREG(path.stat().st_mode):  # a pipe would be waited for
        raise UserError(f"{where}: cannot be read: it is not a regular file")
    with path.open("rb") as file:
        content = file.read(LARGEST_FILE + 1)
    if len(content) > LARGEST_FILE:
        raise UserError(f"{where}: has more than {LARGEST_FILE // 2**20} MiB, and a suite file has a few KiB")
    try:
        return content.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        what = f"byte {content[error.start]:#04x} at offset {error.start}"
        raise UserError(f"{where}: cannot be read: it is not UTF-8: {what}; save it as UTF-8") from None


def build_suite(source: Mapping[str, Any], overrides: Mapping[str, Any], where: str) -> Suite:
    """Validate the content of a suite file.

    Args:
        source: The content, as TOML has it.
        overrides: The user's settings, by key.
        where: The name or path that errors name.

    Raises:
        UserError: Something is wrong; the text lists every error, each with its key.
    """
    errors: dict[str, None] = {}  # a set that keeps its order: an error of `defaults` is found once in every regime
    content = deepcopy(dict(source))
    defaults, named = content.get("defaults", {}), content.get("regimes")
    if not isinstance(defaults, dict) or not isinstance(named, dict) or not all(isinstance(r, dict) for r in named.values()):
        raise UserError(f"suite {where}: needs at least one [regimes.<name>] table; `defaults` is a table too")
    for key, value in overrides.items():
        if key != EXPLORE:
            errors.update(dict.fromkeys(apply_setting(content, key, value)))
        elif value is not True:  # false is the name of another run, of the same chains
            errors[f"--set {EXPLORE}={value!r}: should be true, or left out; --explore is short for it"] = None
    regimes = []
    for name, table in named.items():
        regime, wrong = build_regime(name, table, defaults)
        regimes += [regime] if regime is not None else []
        errors.update(dict.fromkeys(wrong))
    suite = None
    top = {key: value for key, value in content.items() if key not in ("defaults", "regimes", *NOT_IN_FILE)}
    errors.update({f"{key}: unknown key": None for key in NOT_IN_FILE if key in content})
    try:
        suite = Suite(**top, regimes=tuple(regimes), overrides=json_copy(overrides), source=json_copy(source))
    except ValidationError as error:
        known = [f.alias or k for k, f in Suite.model_fields.items() if k not in NOT_IN_FILE]
        errors.update(dict.fromkeys(explain(error, known=[*known, "defaults"])))
    if not named:
        errors["regimes: there is none; a suite needs at least one [regimes.<name>] table"] = None
    if errors or suite is None:
        count = f"{len(errors)} error{'s' if len(errors) > 1 else ''}"
        raise UserError(f"suite {where}: {count}:\n" + "\n".join(f"  {one_line(line)}" for line in errors))
    return suite


def described_suite(described: SuiteDescription) -> Suite:
    """Return the suite that a run or an entry describes, of which nothing else is read.

    Raises:
        UserError: It is none by what this fortifai knows; the text lists every error.
    """
    tables = (described.model_extra or {}).get("regimes") or {}
    regimes = {name: {key: value for key, value in table.items() if key != "name"} for name, table in tables.items()}
    plain = {"name": described.name, "version": described.version, "rule": described.rule}
    summary = (described.model_extra or {}).get("summary", "")
    source = {"schema": 1, **plain, "summary": summary, "regimes": regimes}
    # Its settings are in the regimes already: they only say what the suite is called.
    return build_suite(source, {}, where=described.identity).model_copy(update={"overrides": described.overrides})


def json_copy(content: Mapping[str, Any]) -> dict[str, Any]:
    """Return the content as JSON values (a TOML date becomes text), which the run folder keeps and workers are sent."""
    copied: dict[str, Any] = json.loads(json.dumps(content, default=str))
    return copied
