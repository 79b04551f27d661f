"""The picture of how the baseline collapses: a chain that diverged is lost, and not as faithful as it last was."""

from pathlib import Path

import numpy as np
from trajectory_support import falling, write_chain, write_run

from fortifai.fidelity.rule import BASELINE
from fortifai.records.run_numbers import numbers_of
from fortifai.report.collapse import _curves, draw_collapse


def test_a_chain_that_diverged_is_lost_from_there_on(tmp_path: Path) -> None:
    run = write_run(tmp_path)
    write_chain(run, BASELINE, 0, falling(40))
    for seed in (1, 2):
        write_chain(run, BASELINE, seed, falling(40, 3), diverged=True, horizon=10)
    write_chain(run, BASELINE, 0, falling(90), strategy="control")
    ((name, generation, fidelity),) = _curves("quick@1", numbers_of(run), BASELINE)
    assert name == "quick@1 · drift · replace"
    assert np.isfinite(fidelity[generation <= 3]).all()
    assert np.isneginf(fidelity[generation >= 5]).all()  # of the median of three chains, two of which diverged


def test_where_there_is_nothing_to_draw_there_is_no_picture(tmp_path: Path) -> None:
    run = write_run(tmp_path)
    write_chain(run, BASELINE, 0, falling(90), strategy="control")
    assert draw_collapse([("quick@1", numbers_of(run))], tmp_path / "out", BASELINE) is None
