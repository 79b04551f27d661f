"""Runs and plug-ins that several tests share."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from runner_support import DECLARATION, ENTRY_POINTS, EXECUTORS, PLUGIN, plugged_in, write_suite

import fortifai


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    return write_suite(tmp_path)


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that nothing happened to, by one worker."""
    folder = tmp_path_factory.mktemp("undisturbed")
    return fortifai.run(write_suite(folder), folder, quiet=True, executor="in-process").path


@pytest.fixture(scope="session")
def plugin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A third party's package with an adapter and executors in it, as a folder that a PYTHONPATH can name."""
    folder = tmp_path_factory.mktemp("plugin")
    (folder / "faulty_adapter.py").write_text(PLUGIN)
    (folder / "faulty_declaration.py").write_text(DECLARATION)
    (folder / "other_executors.py").write_text(EXECUTORS)
    info = folder / "faulty-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: faulty\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(ENTRY_POINTS)
    return folder


@pytest.fixture
def environment(plugin: Path) -> dict[str, str]:
    """The environment of a process that has the plug-ins installed, with the adapter's faults off."""
    return {**os.environ, "PYTHONPATH": str(plugin)}


@pytest.fixture
def plugged(plugin: Path) -> Iterator[None]:
    """Have the plug-ins in this process, too."""
    with plugged_in(plugin):
        yield
