"""One chain as it lies on disk: its records, where it stands, and what is refused as damaged."""

import json
from pathlib import Path

import pytest
from trajectory_support import NULL, falling, record, write_chain, write_run

import fortifai
from fortifai.errors import UserError
from fortifai.records.layout import REAL_EXAMPLE, generation_name
from fortifai.records.reading import (
    Progress,
    find_example,
    progress_of,
    read_chain,
    read_chains,
    read_nulls,
    read_recorded,
    read_records,
    read_suite,
)
from fortifai.records.schema import ChainRecord, NullRecord, SuiteRecord
from fortifai.records.verification import verify_run

CHAIN = ChainRecord.model_construct(id="chain", schema_version=1)
"""Of a version without hashes, which are tested apart."""

LINES = [record(generation, 0.5) for generation in range(4)]


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return write_run(tmp_path)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "chain").mkdir()
    return tmp_path / "chain"


def write(folder: Path, text: str) -> None:
    (folder / "generations.jsonl").write_text(text)


# Records


@pytest.mark.parametrize("torn", ["", LINES[3][:40], LINES[3], '{"generation": 3}'])
def test_a_last_line_without_its_end_is_left_out(folder, torn):
    """Even where it could be read: the process died before it said that the generation is done."""
    write(folder, "".join(f"{line}\n" for line in LINES[:3]) + torn)
    assert [record.model_dump_json() for record in read_records(folder, CHAIN)] == LINES[:3]


def test_a_last_line_that_is_not_json_is_left_out_and_any_other_is_refused(folder):
    write(folder, f"{LINES[0]}\n{LINES[1][:40]}\n")
    assert [record.generation for record in read_records(folder, CHAIN)] == [0]
    write(folder, f"{LINES[0][:40]}\n{LINES[1]}\n")
    with pytest.raises(UserError, match=r"generations\.jsonl, line 1: not JSON: "):
        read_records(folder, CHAIN)


def test_a_line_that_is_not_a_record_is_refused_with_its_number_and_key(folder):
    write(folder, f"{LINES[0]}\n" + json.dumps(json.loads(LINES[1]) | {"colour": "blue", "status": "odd"}) + "\n")
    with pytest.raises(
        UserError, match=r"generations\.jsonl, line 2: status: input should be 'ok' or 'diverged'.*colour: unknown"
    ):
        read_records(folder, CHAIN)


@pytest.mark.parametrize("generations", [(1,), (0, 0), (0, 2), (0, 1, 1)])
def test_generations_are_0_1_2_and_so_on(folder, generations):
    write(folder, "".join(f"{LINES[generation]}\n" for generation in generations))
    message = rf"line {len(generations)}: generation {generations[-1]} where {len(generations) - 1} belongs"
    with pytest.raises(UserError, match=message):
        read_records(folder, CHAIN)


def test_no_file_is_no_records(folder):
    assert read_records(folder, CHAIN) == []


# Where a chain stands


@pytest.mark.parametrize(
    ("finished", "horizon", "state"), [(0, 3, "pending"), (1, 3, "partial"), (3, 3, "partial"), (4, 3, "done"), (4, 1, "done")]
)
def test_a_chain_is_done_once_its_horizon_is_recorded(folder, finished, horizon, state):
    write(folder, "".join(f"{line}\n" for line in LINES[:finished]))
    assert progress_of(folder, horizon, read_recorded(folder, CHAIN)) == Progress(state, finished)


@pytest.mark.parametrize("horizon", [1, 9])
def test_a_chain_that_diverged_is_at_its_end_whatever_the_horizon(folder, horizon):
    write(folder, f"{LINES[0]}\n{record(1, None, status='diverged')}\n")
    assert progress_of(folder, horizon, read_recorded(folder, CHAIN)) == Progress("diverged", 2)


def test_a_note_of_a_crash_says_that_the_chain_failed(folder):
    (folder / "failure.json").write_text("{}")
    assert progress_of(folder, 3, read_recorded(folder, CHAIN)) == Progress("failed", 0)


def test_a_chain_whose_horizon_is_recorded_is_done_whatever_failed_behind(folder):
    write(folder, "".join(f"{line}\n" for line in LINES))
    (folder / "failure.json").write_text("{}")
    assert progress_of(folder, 3, read_recorded(folder, CHAIN)) == Progress("done", 4)
    assert progress_of(folder, 4, read_recorded(folder, CHAIN)) == Progress("failed", 4)


# A run


def test_chains_are_read_in_the_order_of_their_ids_and_absent_before_they_are_started(run):
    assert read_chains(run) == []
    folders = sorted(write_chain(run, objective, 0, falling(4, 6)) for objective in ("tce:gamma=0.9", "ce"))
    assert {chain.objective for chain in read_chains(run)} == {"ce", "tce:gamma=0.9"}
    assert [read_chain(folder) for folder in folders] == read_chains(run)
    assert read_chain(run / "another") is None


def test_a_damaged_chain_is_refused_with_its_file(run):
    folder = write_chain(run, "ce", 0, falling(4, 6))
    (folder / "chain.json").write_text("{")
    with pytest.raises(UserError, match=r"chain\.json: cannot be read as JSON"):
        read_chains(run)


def test_nulls_are_read_in_the_order_of_their_regimes(run):
    null = NullRecord(regime="bias", metric="w1", n=200, data_hash="d0", values=[], value=0.5)
    null.write(run / "nulls" / "zzz.json")
    assert [(null.regime, null.value) for null in read_nulls(run)] == [("bias", 0.5), ("drift", NULL)]


def test_a_folder_above_runs_is_refused_with_the_runs_in_it(run):
    assert read_suite(run).suite.identity == "quick@1"
    with pytest.raises(UserError, match=rf"not a run folder: expected a suite\.json in it.*did you mean {run}\?"):
        read_suite(run.parent)
    with pytest.raises(UserError, match=r"not a run folder: expected a suite\.json in it, as `fortifai run` writes$"):
        read_suite(run / "nowhere")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"identity": "../../x"}, r"suite\.json: identity is '\.\./\.\./x', and name, version and overrides say 'quick@1'"),
        ({"identity": "quick@2"}, "identity is 'quick@2'"),
        ({"overrides": {"n": 50}}, r"identity is 'quick@1', and name, version and overrides say 'quick@1\+[0-9a-f]{8}'"),
        ({"name": "../x", "identity": "../x@1"}, "should be letters, digits"),
    ],
)
def test_a_suite_that_calls_itself_something_else_is_refused_by_whatever_reads_it(run, changes, message):
    record = SuiteRecord.load(run / "suite.json")
    record.model_copy(update={"suite": record.suite.model_copy(update=changes)}).write(run / "suite.json")
    for read in (read_suite, verify_run, fortifai.score):
        with pytest.raises(UserError, match=message):
            read(run)


# Examples


def test_an_example_is_found_whatever_its_ending(folder):
    assert find_example(folder, REAL_EXAMPLE) is None
    (folder / "examples").mkdir()
    for name in ("real.png", "generation-00.txt", "generation-01.txt", "generation-10.txt"):
        (folder / "examples" / name).touch()
    assert find_example(folder, REAL_EXAMPLE) == folder / "examples" / "real.png"
    assert find_example(folder, generation_name(1)) == folder / "examples" / "generation-01.txt"
    assert find_example(folder, generation_name(2)) is None
