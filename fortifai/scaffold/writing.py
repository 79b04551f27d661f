"""Writing a new package from the templates."""

import re
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from fortifai.contract.declaration import modalities
from fortifai.errors import UserError
from fortifai.files import unfinished
from fortifai.planning.suite_file import suites
from fortifai.registry import Registry, brought_by
from fortifai.scaffold.steps import commands_of, steps_of

LONGEST = 40
"""Characters of a name: lines of the templates have room for so many."""

_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")


def package_of(name: str) -> str:
    """Return the name that Python imports a modality's package by: ``fortifai_my_thing`` of ``my-thing``."""
    return f"fortifai_{name.replace('-', '_')}"


def write_package(name: str, out: Path) -> list[str]:
    """Write a package that brings a modality and a suite, and works as it stands.

    Args:
        name: The modality's: lower case letters, digits and hyphens.
        out: The folder to write, which must not exist.

    Returns:
        The paths of its files within the folder, sorted.

    Raises:
        UserError: The name cannot be one, or is taken; or the folder exists or cannot be made. Nothing is written then.
    """
    _require_free(name)
    if out.exists() or out.is_symlink():
        raise UserError(f"{out} exists already, and nothing is overwritten: choose another --out")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with unfinished(out.absolute()) as temporary:
            files = _fill(temporary, name, out)
            temporary.rename(out)  # fails, rather than replace what somebody else has filled meanwhile
    except OSError as error:
        raise UserError(f"{out}: cannot be written: {error.strerror}; choose another --out") from None
    return files


def _require_free(name: str) -> None:
    if not _NAME.fullmatch(name) or len(name) > LONGEST:
        rule = f"lower case letters and digits, a letter first, with single hyphens between, at most {LONGEST} characters"
        raise UserError(f"{name!r} cannot be the name of a modality: it takes {rule}, such as my-thing")
    _require_not_in(modalities, name)
    _require_not_in(suites, f"{name}-quick")


def _require_not_in(registry: Registry[Any], name: str) -> None:
    if name in registry:
        point = registry.entry_point(name)
        raise UserError(f"{registry.kind} {name!r} is there already: {brought_by(point) if point else 'fortifai'} brings it")


def _fill(folder: Path, name: str, out: Path) -> list[str]:
    """Write every template into a folder, and return the paths within it."""
    templates = Environment(
        loader=PackageLoader("fortifai.scaffold", "template"),
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        undefined=StrictUndefined,
        autoescape=False,  # Python, TOML and text
    )
    package = package_of(name)
    words = {"name": name, "package": package, "distribution": package.replace("_", "-")}
    files = []
    for template in templates.list_templates(extensions=["j2"]):
        file = template.removesuffix(".j2").replace("PACKAGE", package).replace("NAME", name)
        text = templates.get_template(template).render(
            words, steps=steps_of(package, name), commands=commands_of(name, Path(out.name))
        )
        path = folder / file
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
        files.append(file)
    return sorted(files)
