"""A chart exported from Weights & Biases scores as the long table that its runs stand for."""

import csv

import pytest
from trajectory_support import falling, frame

from fortifai.errors import UserError
from fortifai.fidelity import score
from fortifai.fidelity.trajectories.outside import Reading
from fortifai.fidelity.trajectories.reading import read

TCE = "tce:gamma=0.9"
CURVES = {(o, s): falling(t + s / 3) for o, t in (("ce", 2), (TCE, 5)) for s in range(3)}
NULL = {"null": 1.0, "better": "lower"}


def chart(path, curves, name="{}-seed{}", *, axis="Step", metric="eval/w1", spread=0.0, ended=()):
    """Write what "Export > CSV" writes: every field quoted, three columns a run, and its steps where the axis is another."""
    header, columns = [axis], []
    for (objective, seed), values in curves.items():
        run = name.format(objective, seed)
        for what in [*([] if axis == "Step" else ["_step"]), metric]:
            header += [f"{run} - {what}{band}" for band in ("", "__MIN", "__MAX")]
            own = [str(value) if (objective, seed, step) not in ended else "" for step, value in enumerate(values)]
            columns += [own, own, [str(float(value) + spread) if value else "" for value in own]]
    rows = [[str(step), *row] for step, row in enumerate(zip(*columns, strict=True))]
    with path.open("w", newline="") as file:
        csv.writer(file, quoting=csv.QUOTE_ALL).writerows([header, *rows])
    return path


def plain(table):
    return [(row.objective, row.fidelity_interval, row.extension_ratio, row.p_value) for row in table.rows]


@pytest.mark.parametrize("name", ["{}-seed{}", "{} seed={}", "{}_s{}", "{}, Seed {}"])
def test_a_chart_scores_as_the_long_table(tmp_path, name):
    scored = score(chart(tmp_path / "wandb_export.csv", CURVES, name), **NULL)
    assert plain(scored) == plain(score(frame(CURVES)))
    (reason,) = {row.reason for row in scored.rows}
    assert "chart of Weights & Biases, with 6 runs, metric eval/w1, over Step; __MIN and __MAX ignored" in reason
    assert "means over several steps" not in reason


def test_the_form_of_a_runs_name_can_be_said(tmp_path):
    path = chart(tmp_path / "t.csv", CURVES, "swift-sun-7 - {} ({})")
    with pytest.raises(UserError, match=r"runs 'swift-sun-7 - ce \(0\)', .* \(and 3 more\) are not called an objective"):
        score(path, **NULL)
    assert plain(score(path, run_name="{} - {objective} ({seed})", **NULL)) == plain(score(frame(CURVES)))
    with_regime = read(chart(tmp_path / "r.csv", CURVES, "small/{}/{}"), Reading(run_name="{regime}/{objective}/{seed}"))
    assert {(curve.group.regime, curve.seed) for curve in with_regime.curves} == {("small", 0), ("small", 1), ("small", 2)}
    one = {("ce", 0): falling(2), (TCE, 0): falling(4)}
    assert score(chart(tmp_path / "o.csv", one, "{}"), run_name="{objective}", **NULL).rows[1].extension_ratio.value == 2


@pytest.mark.parametrize(
    ("run_name", "message"),
    [
        ("{seed}", "{objective} among them"),
        ("{objective}{objective}", "each once"),
        ("{objectve}", "not {objectve}; did you mean 'objective'"),
        ("{objective", "should be made of"),
        ("{objective!r}-{seed}", "should be made of"),
    ],
)
def test_a_form_that_is_none_is_refused(tmp_path, run_name, message):
    with pytest.raises(UserError) as error:
        score(chart(tmp_path / "t.csv", CURVES), run_name=run_name, **NULL)
    assert message in str(error.value)


def test_another_axis_has_to_be_named_and_its_steps_are_no_metric(tmp_path):
    path = chart(tmp_path / "t.csv", CURVES, axis="train/generation")
    with pytest.raises(UserError, match=r"a chart over 'train/generation'.*--column 'generation=train/generation'"):
        score(path, **NULL)
    scored = score(path, columns={"generation": "train/generation"}, **NULL)
    assert plain(scored) == plain(score(frame(CURVES)))


def test_an_empty_cell_was_not_measured_and_nan_is_divergence(tmp_path):
    curves = {("ce", 0): falling(2), ("ce", 1): [*falling(8)[:4], float("nan"), *falling(8)[5:]]}
    ended = {("ce", 0, generation) for generation in (8, 9, 10)}
    read_curves = read(chart(tmp_path / "t.csv", curves, ended=ended)).curves
    assert [(curve.state, curve.horizon) for curve in read_curves] == [("complete", 7), ("diverged", 10)]


def test_values_that_stand_for_several_steps_are_counted(tmp_path):
    (reason,) = {row.reason for row in score(chart(tmp_path / "t.csv", CURVES, spread=0.1), **NULL).rows}
    assert "66 values of it are means over several steps" in reason


def test_lines_of_groups_are_no_chains(tmp_path):
    with pytest.raises(UserError, match="'Group: ce-seed0 - eval/w1' is a mean over several runs"):
        score(chart(tmp_path / "t.csv", CURVES, "Group: {}-seed{}"), **NULL)


def test_two_runs_of_one_name_and_a_form_for_another_kind_of_file_are_refused(tmp_path):
    path = chart(tmp_path / "t.csv", CURVES, "{}-seed1")
    with pytest.raises(UserError, match="is there twice"):
        score(path, **NULL)
    with pytest.raises(UserError, match="--run-name is for charts"):
        score(frame(CURVES), run_name="{objective}")
