"""Runs and plug-ins that several tests share."""

import os
from pathlib import Path

import pytest
from runner_support import DECLARATION, PLUGIN, write_suite


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    return write_suite(tmp_path)


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that nothing happened to, by one worker."""
    import fortifai

    folder = tmp_path_factory.mktemp("undisturbed")
    return fortifai.run(write_suite(folder), folder, quiet=True).path


@pytest.fixture(scope="session")
def plugin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A third party's package with an adapter in it, as a folder that a PYTHONPATH can name."""
    folder = tmp_path_factory.mktemp("plugin")
    (folder / "faulty_adapter.py").write_text(PLUGIN)
    (folder / "faulty_declaration.py").write_text(DECLARATION)
    info = folder / "faulty-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: faulty\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[fortifai.modalities]\nfaulty = faulty_declaration:declaration\n")
    return folder


@pytest.fixture
def environment(plugin: Path) -> dict[str, str]:
    """The environment of a process that has the plug-in installed, with its faults off."""
    return {**os.environ, "PYTHONPATH": str(plugin)}
