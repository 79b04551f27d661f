"""What a user gets who installs the wheel and has no repository: run from another folder, in an environment of its own."""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

from fortifai import objectives

ROOT = Path(__file__).resolve().parents[1]
SHIPPED = ("pyproject.toml", "README.md", "LICENSE", "fortifai", "modalities", "suites")


def call(*command: str | Path, cwd: Path) -> str:
    """Run a command as a user's shell would: nothing of this process's Python reaches it."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "VIRTUAL_ENV"))}
    ended = subprocess.run(command, cwd=cwd, env=clean, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, f"{command}\n{ended.stdout}\n{ended.stderr}"
    return ended.stdout


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel from a copy of the sources, install it, and return the environment's folder of programs.

    The dependencies are those of the environment that runs the tests: its packages are on the path behind the wheel. A path
    in a .pth file does not run the .pth files that it leads to, so an editable install there stays asleep.
    """
    folder = tmp_path_factory.mktemp("wheel")
    source, environment = folder / "source", folder / "environment"
    source.mkdir()
    for name in SHIPPED:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, source)
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check")
    call(*pip, "wheel", "--no-deps", "--no-index", "--no-build-isolation", "--wheel-dir", folder, source, cwd=folder)
    (wheel,) = folder.glob("fortifai-*.whl")

    venv.create(environment, with_pip=False, symlinks=True)
    programs = Path(sysconfig.get_path("scripts", "venv", {"base": str(environment)}))
    libraries = Path(sysconfig.get_path("purelib", "venv", {"base": str(environment)}))
    call(*pip, "--python", programs / "python", "install", "--no-deps", "--no-index", wheel, cwd=folder)
    outer = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    (libraries / "dependencies.pth").write_text("\n".join(sorted(outer)))
    return programs


def python(installed: Path, cwd: Path, code: str) -> str:
    return call(installed / "python", "-c", code, cwd=cwd)


def test_the_wheel_is_what_runs_and_not_the_repository(installed, tmp_path):
    files = python(
        installed, tmp_path, "import fortifai, fortifai.modalities; print(fortifai.__file__, fortifai.modalities.__file__)"
    )
    for path in files.split():
        assert Path(path).is_relative_to(installed.parent), path


def test_every_module_in_the_repository_is_in_the_wheel(installed, tmp_path):
    where = python(installed, tmp_path, "import fortifai, os; print(os.path.dirname(fortifai.__file__))").strip()
    homes = {"fortifai": Path(where), "modalities": Path(where, "modalities"), "suites": Path(where, "suites")}
    missing = [
        file
        for name, home in homes.items()
        for file in (ROOT / name).rglob("*")
        if file.suffix in {".py", ".toml", ".j2", ".typed"} and not (home / file.relative_to(ROOT / name)).is_file()
    ]
    assert not missing, "pyproject.toml does not ship them"


def test_modalities_and_suites_are_importable_and_shipped(installed, tmp_path):
    code = (
        "import fortifai.modalities.tabular; from importlib.resources import files;"
        "from fortifai.contract.declaration import modalities; assert modalities.broken('tabular') is None;"
        "print(*sorted(file.name for file in files('fortifai.suites').iterdir() if file.name.endswith('.toml')))"
    )
    assert python(installed, tmp_path, code).split() == sorted(file.name for file in (ROOT / "suites").glob("*.toml"))


def test_the_command_lists_everything_from_any_folder(installed, tmp_path):
    listed = json.loads(call(installed / "fortifai", "list", "--json", cwd=tmp_path))
    assert listed["schema"] == 1
    names = {
        part: {entry["name"] for entry in listed[part]}
        for part in ("suites", "modalities", "metrics", "objectives", "strategies")
    }
    assert names["suites"] >= {file.stem for file in (ROOT / "suites").glob("*.toml")}
    assert "tabular" in names["modalities"]
    assert "confidence_gap" in names["metrics"]
    assert names["objectives"] == set(objectives.registry)
    assert "replace" in names["strategies"]
