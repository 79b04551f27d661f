"""Export: each format, read back by the tool that it is for, holds the numbers of the records."""

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest

import fortifai
from fortifai import export as room
from fortifai.entries import submit
from fortifai.errors import UserError
from fortifai.export import FORMATS, export
from fortifai.records.entry import Submission

SUITE = Path(__file__).parents[2] / "docs" / "examples" / "tiny.toml"
CHAIN = ("biased", "replace", "tce-quantile:keep=0.9,unit=component", 1)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("runs")
    return fortifai.run(SUITE, out, seeds=2, generations=2, executor="in-process", quiet=True).path


@pytest.fixture(scope="module")
def records(run: Path) -> list[dict[str, dict[str, float]]]:
    """The records of one chain, as they lie on disk."""
    for file in run.glob("*/chain.json"):
        content = json.loads(file.read_text())
        if tuple(content[name] for name in ("regime", "strategy", "objective", "seed")) == CHAIN:
            return [json.loads(line) for line in file.with_name("generations.jsonl").read_text().splitlines()]
    raise AssertionError("no such chain")


def of_chain(table: pd.DataFrame) -> pd.DataFrame:
    for name, value in zip(("regime", "strategy", "objective", "seed"), CHAIN, strict=True):
        table = table[table[name] == value]
    return table.reset_index(drop=True)


def check_tables(generations: pd.DataFrame, chains: pd.DataFrame, records: list[dict[str, dict[str, float]]]) -> None:
    assert len(generations) == 8 * 3
    assert len(chains) == 8
    own = of_chain(generations)
    assert list(own["generation"]) == [0, 1, 2]
    for record, (_, row) in zip(records, own.iterrows(), strict=True):
        for table in ("metrics", "notes", "seconds", "training"):
            for name, value in record[table].items():
                assert row[f"{table}.{name}"] == value, name
    (chain,) = of_chain(chains).to_dict("records")
    assert chain["generations"] == 3
    assert json.loads(chain["identity"])["objective"] == CHAIN[2]
    assert chain["state"] == "done"


def test_parquet_holds_every_number_to_the_last_bit(run, records, tmp_path):
    folder = export(run, "parquet", tmp_path / "tables")
    check_tables(*(pd.read_parquet(folder / f"{name}.parquet") for name in ("generations", "chains")), records)


def test_a_data_set_is_loaded_by_the_library_it_is_for(run, records, tmp_path):
    from datasets import load_dataset

    folder = export(run, "hf-dataset", tmp_path / "set")
    tables = [load_dataset(str(folder), name, cache_dir=str(tmp_path / "cache"))["train"].to_pandas()
              for name in ("generations", "chains")]  # fmt: skip
    check_tables(*tables, records)
    assert load_dataset(str(folder), cache_dir=str(tmp_path / "cache"))["train"].num_rows == 24, "the first is the default"


def test_tensorboard_reads_a_step_for_every_generation(run, records, tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    folder = export(run, "tensorboard", tmp_path / "events")
    assert len(list(folder.glob("*/*/*/seed-*/events*"))) == 8
    events = EventAccumulator(str(folder / "biased" / "replace" / "tce-quantile_keep=0.9_unit=component" / "seed-1"))
    events.Reload()
    for name in records[0]["metrics"]:
        scalars = events.Scalars(f"metrics/{name}")
        assert [one.step for one in scalars] == [0, 1, 2]
        assert [one.value for one in scalars] == pytest.approx([record["metrics"][name] for record in records], rel=1e-6)


def test_mlflow_has_a_run_for_every_chain(run, records, tmp_path):
    from mlflow import MlflowClient

    folder = export(run, "mlflow", tmp_path / "store")
    client = MlflowClient(tracking_uri=f"sqlite:///{folder / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("tiny@1")
    runs = {
        tuple(one.data.params[name] for name in ("regime", "strategy", "objective", "seed")): one
        for one in client.search_runs([experiment.experiment_id])
    }
    assert len(runs) == 8
    own = runs[(*CHAIN[:3], str(CHAIN[3]))]
    for name in records[0]["metrics"]:
        history = client.get_metric_history(own.info.run_id, f"metrics/{name}")
        assert [(one.step, one.value) for one in history] == [(g, record["metrics"][name]) for g, record in enumerate(records)]
    assert own.data.tags["state"] == "done"


def test_an_entry_gives_the_tables_of_its_run(run, tmp_path, monkeypatch):
    monkeypatch.setattr("fortifai.runner.chain_record.commit", lambda: "c0ffee0")
    submission = Submission(method="mine", contact="me@example.org", provenance="author-submitted")
    (entries := tmp_path / "entries").mkdir()
    entry, _ = submit(run, submission, entries)
    of_run, of_entry = (export(source, "parquet", tmp_path / name) for source, name in ((run, "a"), (entry, "b")))
    for name in ("generations.parquet", "chains.parquet"):
        pd.testing.assert_frame_equal(pd.read_parquet(of_run / name), pd.read_parquet(of_entry / name))


def test_nothing_is_replaced_and_nothing_is_left_half_written(run, tmp_path, monkeypatch):
    (there := tmp_path / "there").mkdir()
    with pytest.raises(UserError, match="exists, and an export replaces nothing"):
        export(run, "parquet", there)
    (below := tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="tables: cannot be made: "):
        export(run, "parquet", below / "tables")
    monkeypatch.setattr("fortifai.export.parquet.chains_of", lambda _: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        export(run, "parquet", tmp_path / "tables")
    assert {path.name for path in tmp_path.iterdir()} == {"there", "file"}


def test_a_run_that_is_damaged_or_empty_is_refused(run, tmp_path):
    copy = shutil.copytree(run, tmp_path / run.name)
    file = next(copy.glob("*/generations.jsonl"))
    file.write_text(file.read_text().replace("0.", "1.", 1))
    with pytest.raises(UserError, match="damaged"):
        export(copy, "parquet", tmp_path / "tables")
    for file in copy.glob("*/generations.jsonl"):
        file.unlink()
    with pytest.raises(UserError, match="no generation is recorded yet"):
        export(copy, "parquet", tmp_path / "tables")


def test_what_is_missing_is_named_with_the_extra_that_brings_it(run, tmp_path, monkeypatch):
    with pytest.raises(UserError, match=r"unknown format 'parket'; did you mean 'parquet'\?"):
        export(run, "parket", tmp_path / "x")
    monkeypatch.setattr(room, "FORMATS", {**FORMATS, "mlflow": room.Format("", ("not_there_at_all",))})
    with pytest.raises(UserError, match=r"--to mlflow needs not_there_at_all; pip install 'fortifai\[export\]'"):
        export(run, "mlflow", tmp_path / "x")
