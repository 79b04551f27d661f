"""The picture of how the baseline collapses: a chain that diverged is lost, and not as faithful as it last was."""

from pathlib import Path

import numpy as np
from trajectory_support import falling, write_chain, write_run

from fortifai.fidelity.rule import BASELINE
from fortifai.fidelity.trajectories.source import load
from fortifai.report.collapse import collapse_plot, curves_of


def test_a_chain_that_diverged_is_lost_from_there_on(tmp_path: Path) -> None:
    run = write_run(tmp_path)
    write_chain(run, BASELINE, 0, falling(40))
    for seed in (1, 2):
        write_chain(run, BASELINE, seed, falling(40, 3), diverged=True, horizon=10)
    write_chain(run, BASELINE, 0, falling(90), strategy="control")
    (curve,) = curves_of(load(run, None, BASELINE, None, None), ["w1"], BASELINE)
    assert curve[:2] == ("drift · replace", 3)
    assert np.isfinite(curve.fidelity[:4]).all()
    assert np.isneginf(curve.fidelity[5:]).all()  # of the median of three chains, two of which diverged


def test_where_there_is_nothing_to_draw_there_is_no_picture(tmp_path: Path) -> None:
    run = write_run(tmp_path)
    write_chain(run, BASELINE, 0, falling(90), strategy="control")
    assert not list(curves_of(load(run, None, BASELINE, None, None), ["w1"], BASELINE))
    assert collapse_plot([]) is None
