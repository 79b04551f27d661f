"""A run to report."""

from pathlib import Path

import pytest
from report_support import with_texts
from trajectory_support import falling, write_chain, write_run


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """Three seeds of two objectives, with texts as examples; only the baseline collapses."""
    run = write_run(tmp_path / "runs")
    for objective, onset in (("tce:gamma=0.9", 8), ("ce", 2)):
        for seed in range(3):
            with_texts(write_chain(run, objective, seed, falling(onset + seed / 10)), 11)
    return run
