"""Run folders and CSV files as they are read, and how broken ones are refused."""

import json

import pytest
from trajectory_support import as_rows, distance, falling, frame, write_chain, write_run

from fortifai.errors import UserError
from fortifai.fidelity import score
from fortifai.fidelity.trajectories.reading import read, read_run
from fortifai.records.schema import ChainRecord, GenerationRecord


@pytest.fixture
def run(tmp_path):
    return write_run(tmp_path)


def states(run):
    return {curve.seed: curve.state for curve in read_run(run).curves}


def test_a_run_is_read_with_every_metric_of_every_generation(run):
    write_chain(run, "ce", 0, falling(4, 6), masked=0.1)
    table = as_rows(read_run(run))
    assert sorted(table["metric"].unique()) == ["masked_share", "tail_mass", "w1"]
    assert (table.groupby("metric").size() == 7).all()
    scored = table[table["metric"] == "w1"].sort_values("generation")
    assert scored["value"].tolist() == falling(4, 6)
    assert (scored["null"] == 1).all()
    assert table.loc[table["metric"] != "w1", "null"].isna().all()
    assert (table["suite"] == "quick@1").all()


def test_chains_are_complete_diverged_or_incomplete(run):
    write_chain(run, "ce", 0, falling(4, 6))
    write_chain(run, "ce", 1, falling(4, 6), diverged=True, horizon=20)
    write_chain(run, "ce", 2, falling(4, 6), horizon=20)
    write_chain(run, "ce", 3, falling(4, 6), horizon=20, failure="out of memory")
    write_chain(run, "ce", 4, [], horizon=20, failure="out of memory")
    write_chain(run, "ce", 5, falling(4, 6), torn='{"generation": 7, "sta')
    write_chain(run, "ce", 6, falling(4, 6), failure="the last picture could not be drawn")
    complete, incomplete = dict.fromkeys((0, 5, 6), "complete"), dict.fromkeys((2, 3, 4), "incomplete")
    assert states(run) == complete | incomplete | {1: "diverged"}


def test_incomplete_chains_are_counted_and_never_scored(run):
    for seed in range(3):
        write_chain(run, "ce", seed, falling(2, 10))
    write_chain(run, "ce", 3, falling(9, 4), horizon=10)
    write_chain(run, "tce:gamma=0.9", 3, falling(6, 10))
    rows = {row.objective: row for row in score(run).rows}
    assert rows["ce"].chains == 3
    assert rows["ce"].incomplete == 1
    assert rows["ce"].fidelity_interval.value == pytest.approx(2)
    # Its generation 0 was measured, so it is a reference; but the chain itself is no partner for a ratio.
    assert rows["tce:gamma=0.9"].fidelity_interval.value == pytest.approx(6)
    assert rows["tce:gamma=0.9"].extension_ratio is None


def test_a_group_with_nothing_finished_has_a_row_that_says_so(run):
    write_chain(run, "ce", 0, falling(4, 6), horizon=20)
    (row,) = score(run).rows
    assert (row.chains, row.incomplete, row.horizon) == (0, 1, 20)
    assert "no finished chain" in row.reason


def test_divergence_at_generation_0_is_an_onset_of_0(run):
    write_chain(run, "ce", 0, falling(4, 6))
    write_chain(run, "tce:gamma=0.9", 0, [], diverged=True, horizon=6)
    row = score(run).rows[1]
    assert row.fidelity_interval.value == 0
    assert row.chains == 1
    assert row.phi_at_generation_0 is None


def test_a_run_is_scored_by_its_suites_rule_unless_another_is_asked_for(tmp_path):
    run = write_run(tmp_path, rule="phi<0.5")
    write_chain(run, "ce", 0, falling(4, 10))
    assert score(run).rows[0].rule == "phi<0.5"
    assert score(run).rows[0].fidelity_interval.value == pytest.approx(8)
    assert score(run, rule="phi<0.75").rows[0].fidelity_interval.value == pytest.approx(4)
    assert score(run, rule="tail_mass<0.6").rows[0].fidelity_interval.value == 0


def test_records_are_written_as_they_are_read():
    record = GenerationRecord(
        generation=0,
        status="ok",
        metrics={"w1": 0.1, "odd": float("nan")},
        masked_share=float("inf"),
        training=None,
        confidence={},
        seconds={},
        samples_per_second=None,
        peak_memory_bytes=None,
    )
    text = record.model_dump_json()
    assert json.loads(text)["metrics"] == {"w1": 0.1, "odd": None}
    assert GenerationRecord.model_validate_json(text) == record


def test_a_file_of_another_schema_version_is_refused_with_both_versions(run):
    folder = write_chain(run, "ce", 0, falling(4, 6))
    content = json.loads((folder / "chain.json").read_text())
    (folder / "chain.json").write_text(json.dumps(content | {"schema": 7}))
    with pytest.raises(UserError, match=r"version 7.*reads version 1, 2 and 3.*run the suite again"):
        read_run(run)
    (folder / "chain.json").write_text(json.dumps(content | {"colour": "blue"}))
    with pytest.raises(UserError, match="colour: unknown key"):
        read_run(run)
    assert ChainRecord.model_validate(content).schema_version == ChainRecord.readable[-1]


def test_broken_runs_are_refused_with_file_and_line(run, tmp_path):
    with pytest.raises(UserError, match=r"not a run folder: expected a suite\.json.*did you mean"):
        read(tmp_path)
    with pytest.raises(UserError, match="no chains in it yet"):
        read(run)
    with pytest.raises(UserError, match="no such run folder or CSV"):
        read(tmp_path / "nothing")
    folder = write_chain(run, "ce", 0, falling(4, 6))
    lines = (folder / "generations.jsonl").read_text().splitlines(keepends=True)
    (folder / "generations.jsonl").write_text("".join([lines[0], "{torn\n", *lines[2:]]))
    with pytest.raises(UserError, match="line 2: not JSON"):
        read(run)
    (folder / "generations.jsonl").write_text("".join([lines[0], *lines[2:]]))
    with pytest.raises(UserError, match="line 2: its hash does not fit its content and the lines before it"):
        read(run)
    (folder / "generations.jsonl").write_text(lines[0].replace('"status":"ok"', '"status":"fine"'))
    with pytest.raises(UserError, match="line 1: status"):
        read(run)


def test_two_chains_of_one_seed_on_different_data_are_refused(run):
    write_chain(run, "ce", 0, falling(4, 6))
    write_chain(run, "ce", 0, falling(4, 6), data_hash="d1")
    with pytest.raises(UserError, match=r"ce under replace, seed 0.*different settings or data"):
        read(run)


def test_a_chain_of_another_suite_is_refused(run):
    write_chain(run, "ce", 0, falling(4, 6), suite="quick@2")
    with pytest.raises(UserError, match=r"quick@2 in a run of quick@1"):
        read(run)


def test_a_csv_and_the_table_it_was_written_from_score_the_same(tmp_path):
    table = frame({(o, s): falling(t + s) for o, t in (("ce", 2), ("tce:gamma=0.9", 5)) for s in range(3)}, regime="drift")
    table.loc[5, "value"] = float("nan")
    table.to_csv(tmp_path / "t.csv", index=False)
    assert score(tmp_path / "t.csv") == score(table)
    assert score(tmp_path / "t.csv").rows[0].regime == "drift"


def test_a_csv_of_the_required_columns_is_one_chain(tmp_path):
    (tmp_path / "t.csv").write_text("objective,generation,metric,value,note\nce,0,w1,1\nce,1,w1,2\nce,2,w1,4\n")
    (row,) = score(tmp_path / "t.csv", rule="w1>3").rows
    assert row.fidelity_interval.value == pytest.approx(1.5)
    assert row.suite is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "cannot be read as CSV"),
        ("objective,generation,value\nce,0,1\n", "no column metric"),
        ("objective,generation,metric,value\n", "no rows"),
        ("objective,generation,metric,value\nce,0,w1,1\nce,1,w1,high\n", "line 3: value must be a number, not 'high'"),
        ("objective,generation,metric,value\nce,0.5,w1,1\n", "line 2: generation must be a whole number"),
        ("objective,generation,metric,value\nce,,w1,1\n", "line 2: generation must be a whole number"),
        ("objective,generation,metric,value\n,0,w1,1\n", "line 2: objective is empty"),
        ("objective,generation,metric,value\ntce:a=1,b=2,0,w1,1\ntce:a=1,b=2,1,w1,2\n", "line 2: more fields than .*quoted"),
        ("objective,generation,metric,value\nce,0,w1,1\ntce:a=1,b=2,0,w1,1\n", "line 3: more fields than .*quoted"),
        ("objective;generation;metric;value\nce;0;w1;1\n", "separated by semicolons"),
        ("objective\tgeneration\tmetric\tvalue\nce\t0\tw1\t1\n", "separated by tabs"),
        ("objective,generation,metric,value\nce,0,w1,1\nce,0,w1,2\n", "line 3: a second value"),
        ("objective,generation,metric,value,better\nce,0,w1,1,up\n", "line 2: better must be lower or higher"),
        ("objective,generation,metric,value,null\nce,0,w1,1,inf\n", "line 2: null must be finite"),
        ("objective,generation,metric,value,null\nce,0,w1,1,2\nce,1,w1,1,3\n", "line 2: null changes within a chain"),
    ],
)
def test_a_broken_csv_is_refused_with_its_line(tmp_path, text, message):
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(UserError, match=message):
        read(tmp_path / "t.csv")


def test_seeds_of_a_csv_are_numbers_so_that_10_comes_after_9(tmp_path):
    frame({("ce", s): distance(1, 0.5) for s in (10, 9)}).to_csv(tmp_path / "t.csv", index=False)
    assert [curve.seed for curve in read(tmp_path / "t.csv").curves] == [9, 10]
