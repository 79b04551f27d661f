"""A plug-in that misbehaves when it is imported is listed as unavailable, and everything else goes on."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hostile_support import SUITE

from fortifai.errors import UserError
from fortifai.registry import Registry

MODULES = {
    "exits": "raise SystemExit(0)",
    "says-goodbye": "import sys\nsys.exit('bye \\x1b[31m[bold]')",
    "is-cancelled": "class Cancelled(BaseException):\n    pass\nraise Cancelled('stop\\nit')",
    "closes": "raise GeneratorExit",
    "recurses": "def f():\n    f()\nf()",
    "has-no-memory": "raise MemoryError",
    "breaks": "1 / 0",
    "is-not-python": "this is not Python",
    "is-no-declaration": "declaration = 1",
}
"""What stands in the module of each plug-in."""


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A folder in which a distribution with all of these modalities is installed."""
    (site := tmp_path / "site").mkdir()
    (info := site / "hostile-1.0.dist-info").mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: hostile\nVersion: 1.0\n")
    points = "".join(f"{name} = hostile_{number}:declaration\n" for number, name in enumerate(MODULES))
    (info / "entry_points.txt").write_text(f"[fortifai.modalities]\n{points}")
    for number, content in enumerate(MODULES.values()):
        (site / f"hostile_{number}.py").write_text(f"{content}\n")
    return site


def fortifai(site: Path, *words: object) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join([str(site), *filter(None, [os.environ.get("PYTHONPATH")])])
    command = [sys.executable, "-P", "-c", "from fortifai.cli import main; main()", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, cwd=site, env={**os.environ, "PYTHONPATH": path})


def test_the_list_goes_on_and_says_what_each_did(site):
    listed = fortifai(site, "list", "--json")
    assert (listed.returncode, listed.stderr) == (0, "")
    entries = {entry["name"]: entry for entry in json.loads(listed.stdout)["modalities"]}
    assert all(not entries[name]["available"] and entries[name]["reason"] for name in MODULES)
    assert "raised SystemExit when it was imported: 0" in entries["exits"]["reason"]
    assert "raised Cancelled when it was imported: stop\nit" in entries["is-cancelled"]["reason"]
    assert entries["tabular"]["available"]
    assert "quick" in {suite["name"] for suite in json.loads(listed.stdout)["suites"]}


def test_a_suite_of_such_a_modality_is_refused(site, tmp_path):
    (suite := tmp_path / "suite.toml").write_text(SUITE.replace('"tabular"', '"says-goodbye"'))
    described = fortifai(site, "describe", suite)
    assert (described.returncode, described.stdout) == (2, "")
    assert "modality 'says-goodbye' is unavailable: " in described.stderr
    assert "Traceback" not in described.stderr
    assert "\x1b" not in described.stderr


@pytest.mark.parametrize("content", ["raise RuntimeError('no\\x1b[31m device')", "import sys; sys.exit('bye\\x1b[31m')"])
def test_an_adapter_that_cannot_be_imported_is_one_line(site, tmp_path, content):
    (site / "hostile_0.py").write_text(
        "from dataclasses import replace\nfrom fortifai.modalities.tabular import declaration as tabular\n"
        'declaration = replace(tabular, name="exits", adapter="hostile_adapter:Adapter")\n'
    )
    (site / "hostile_adapter.py").write_text(f"{content}\n")
    (suite := tmp_path / "suite.toml").write_text(SUITE.replace('"tabular"', '"exits"'))
    for command in ("plan", "run"):
        ended = fortifai(site, command, suite, "--out", tmp_path / "runs")
        assert (ended.returncode, ended.stdout, ended.stderr.count("\n")) == (2, "", 1)
        assert ended.stderr.startswith("fortifai: modality 'exits' (entry point of fortifai.modalities) is unavailable: ")
        assert "Adapter of module 'hostile_adapter', cannot be imported: " in ended.stderr
        assert "\x1b" not in ended.stderr
    assert not (tmp_path / "runs").exists()


def test_an_interrupt_is_no_fault_of_the_plug_in(monkeypatch, tmp_path):
    (tmp_path / "stopped_meanwhile.py").write_text("raise KeyboardInterrupt\n")
    monkeypatch.syspath_prepend(tmp_path)
    registry: Registry[object] = Registry("thing")
    registry.register("stopped", "stopped_meanwhile:thing")
    with pytest.raises(KeyboardInterrupt):
        registry.get("stopped")


def test_what_exits_is_unavailable_in_python_too(monkeypatch, tmp_path):
    (tmp_path / "exits_meanwhile.py").write_text("raise SystemExit\n")
    monkeypatch.syspath_prepend(tmp_path)
    registry: Registry[object] = Registry("thing")
    registry.register("exits", "exits_meanwhile:thing")
    with pytest.raises(UserError, match="thing 'exits' is unavailable: ImportError: exits_meanwhile raised SystemExit"):
        registry.get("exits")
