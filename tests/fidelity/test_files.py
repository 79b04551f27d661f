"""Files as people have them score as the plain long table does, and what was forgiven is said."""

import gzip
import io
import json
import subprocess
import sys

import pandas as pd
import polars
import pyarrow
import pytest
from trajectory_support import falling, frame

from fortifai.errors import UserError
from fortifai.fidelity import compare, score
from fortifai.fidelity.trajectories.files import read_file

TCE = "tce:gamma=0.9"
LONG = frame({(o, s): falling(t + s / 3) for o, t in (("ce", 2), (TCE, 5)) for s in range(3)})


def lines(table):
    return "".join(json.dumps(row) + "\n" for row in table.to_dict("records"))


def parquet(table):
    buffer = io.BytesIO()
    table.to_parquet(buffer)
    return buffer.getvalue()


FILES = {
    "t.csv": LONG.to_csv(index=False).encode(),
    "index.csv": LONG.to_csv().encode(),
    "bom.csv": LONG.to_csv(index=False).encode("utf-8-sig"),
    "old-mac.csv": LONG.to_csv(index=False, lineterminator="\r").encode(),
    "t.csv.gz": gzip.compress(LONG.to_csv(index=False).encode()),
    "t.tsv": LONG.to_csv(index=False, sep="\t").encode(),
    "t.tsv.gz": gzip.compress(LONG.to_csv(index=False, sep="\t").encode()),
    "t.jsonl": lines(LONG).encode(),
    "t.ndjson.gz": gzip.compress(lines(LONG).encode()),
}


def written(folder, name, content):
    (folder / name).write_bytes(content)
    return folder / name


@pytest.mark.parametrize("name", FILES)
def test_every_kind_of_file_scores_as_the_table(tmp_path, name):
    assert score(written(tmp_path, name, FILES[name])) == score(LONG)


def test_parquet_scores_as_the_table(tmp_path):
    assert score(written(tmp_path, "t.parquet", parquet(LONG))) == score(LONG)
    for index in (LONG.sample(frac=1, random_state=0), LONG.set_index("seed")):  # one that counts rows, and one that is data
        assert score(written(tmp_path, "t.parquet", parquet(index))) == score(LONG)
    with pytest.raises(UserError, match="cannot be read as Parquet"):
        score(written(tmp_path, "t.parquet", parquet(LONG)[:200]))


@pytest.mark.parametrize("name", ["t.csv", "t.tsv", "t.jsonl", "t.csv.gz"])
def test_a_pipe_is_read_as_a_file_is(tmp_path, name):
    path = written(tmp_path, name, FILES[name])
    command = [sys.executable, "-c", "import fortifai.cli; fortifai.cli.main()", "score", "-", "--json"]
    piped = subprocess.run(command, input=FILES[name], capture_output=True, check=False)
    assert piped.returncode == 0, piped.stderr
    assert json.loads(piped.stdout) == json.loads(score(path).model_dump_json())


def test_a_folder_of_files_is_one_table(tmp_path):
    for seed in range(3):
        written(tmp_path, f"{seed}.csv", LONG[LONG["seed"] == seed].to_csv(index=False).encode())
    (tmp_path / "notes.txt").write_text("not a table")
    assert score(tmp_path) == score(LONG)
    assert compare(tmp_path, LONG).rows[0].difference.value == 0
    (tmp_path / "2.csv").write_text((tmp_path / "2.csv").read_text().replace("0.2", "x", 1))
    with pytest.raises(UserError, match=r"2\.csv, line 3: value must be a number, not 'x"):
        score(tmp_path)
    (tmp_path / "3.csv").write_text("objective,loss\nce,1\n")
    with pytest.raises(UserError, match=r"3\.csv: has the columns objective, loss, and the files before it objective, seed"):
        score(tmp_path)


def test_names_of_columns_are_forgiven_case_and_spaces_and_that_is_said(tmp_path):
    table = LONG.rename(columns={"objective": "Objective", "value": " VALUE ", "seed": "Seed"})
    path = written(tmp_path, "t.csv", table.to_csv(index=False).encode())
    scored = score(path)
    assert scored.rows[1].extension_ratio == score(LONG).rows[1].extension_ratio
    assert "column 'Objective' read as objective" in scored.rows[0].reason
    assert "column 'VALUE ' read as value" in scored.rows[0].reason
    with pytest.raises(UserError, match="'Seed' and 'SEED' could both be seed"):
        score(table.assign(SEED=1))


def test_a_column_may_be_named():
    table = LONG.rename(columns={"objective": "Setting", "value": "distance"}).assign(value=-1)
    scored = score(table, columns={"objective": "Setting", "value": "distance"})
    assert scored.rows[1].extension_ratio == score(LONG).rows[1].extension_ratio
    assert "column 'Setting' read as objective" in scored.rows[0].reason
    with pytest.raises(UserError, match="no column 'Settings' to read as objective; did you mean 'Setting'"):
        score(table, columns={"objective": "Settings"})
    with pytest.raises(UserError, match="no column is called 'objectve' here; did you mean 'objective'"):
        score(table, columns={"objectve": "Setting"})


def test_a_series_may_begin_at_generation_1():
    later = LONG.assign(generation=LONG["generation"] + 1)
    scored = score(later, first_generation=1)
    assert scored.rows[1].extension_ratio == score(LONG).rows[1].extension_ratio
    assert "generation 1 is counted as 0" in scored.rows[0].reason
    with pytest.raises(UserError, match="generation must be a whole number from 1"):
        score(LONG, first_generation=1)


def test_rows_that_repeat_another_exactly_are_dropped_and_counted():
    twice = pd.concat([LONG, LONG.iloc[:2]])
    scored = score(twice)
    assert scored.rows[0].fidelity_interval == score(LONG).rows[0].fidelity_interval
    assert "2 rows that repeat another exactly dropped" in scored.rows[0].reason
    with pytest.raises(UserError, match="a second value"):
        score(twice.assign(host=range(len(twice))))


def test_a_metric_of_any_name_may_be_in_a_rule():
    table = LONG.assign(metric="val/w 1@eval")
    assert score(table, rule='"val/w 1@eval">0.4').rows[1].rule == '"val/w 1@eval">0.4'
    with pytest.raises(UserError, match=r"'\"val/w 1@eval\">1\.5'"):
        score(table.drop(columns="null"))


def test_a_rule_that_must_hold_ignores_a_dip_and_a_two_sided_one_sees_both_sides():
    dip = frame({("ce", 0): [0.2, 0.9, 0.2, 0.2, 0.9, 0.9, 0.9]})
    assert score(dip).rows[0].fidelity_interval.value < 1
    held = score(dip, rule="phi<0.75 for 2").rows[0]
    assert 3 < held.fidelity_interval.value < 4
    assert set(held.other_thresholds) == {"phi<0.9 for 2", "phi<0.5 for 2"}
    sides = frame({("ce", 0): [3, 3, 2, 2], ("ce", 1): [3, 3, 3, 4]})
    assert score(sides, rule="|w1-3|>0.5").rows[0].fidelity_interval.value == pytest.approx((1.5 + 2.5) / 2)


def test_without_the_baseline_the_objectives_and_the_option_are_named():
    with pytest.raises(UserError, match=r"'ce' is not in the data; its objectives are tce:gamma=0\.9: name one with --baseline"):
        score(LONG[LONG["objective"] == TCE])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"a": 1}\n{"a": ', "line 2: not a JSON object"),
        ('{"a": 1}\n[1]\n', "line 2: not a JSON object"),
        ('{"a": 1, "a": 2}\n', "line 1: .*'a' is there twice"),
        ('{"a": {"b": 1}}\n', "line 1: .*'a' is not a single value"),
        ('{"a": ' + "[" * 100_000 + "\n", "line 1: not a JSON object"),
        ('{"objective": "ce", "value": 1}\n{"objective": "ce"}\n', "line 2: has no 'value', which other lines have"),
    ],
)
def test_broken_json_lines_are_refused_with_their_line(tmp_path, content, message):
    with pytest.raises(UserError, match=message):
        read_file(written(tmp_path, "t.jsonl", content.encode()))


FRAMES = {
    "pandas": LONG,
    "pandas, of Arrow": LONG.convert_dtypes(dtype_backend="pyarrow"),
    "Polars": polars.DataFrame(LONG.to_dict("list")),
    "pyarrow": pyarrow.Table.from_pandas(LONG.set_axis(range(7, 7 + len(LONG)))),
}


@pytest.mark.parametrize("kind", FRAMES)
def test_a_data_frame_of_any_library_that_speaks_arrow_scores_as_that_of_pandas(kind):
    assert score(FRAMES[kind]) == score(LONG)
    assert compare(FRAMES[kind], LONG).rows[0].difference.value == 0


def test_what_is_missing_in_a_frame_of_polars_is_read_as_in_one_of_pandas():
    missing = LONG.assign(value=LONG["value"].where(LONG["generation"] != 9), regime=None, strategy="replace")
    assert score(polars.DataFrame(missing.to_dict("list"))) == score(missing)
    with pytest.raises(UserError, match="the table, row 3: value must be a number, not 'x'"):
        score(polars.DataFrame({**LONG.to_dict("list"), "value": ["x" if row == 3 else "1" for row in range(len(LONG))]}))


def test_a_frame_of_float32_is_read_by_its_shortest_digits():
    whole = LONG.assign(value=LONG["value"].round(3))
    single = whole.astype({"value": "float32"})
    frames = single, polars.DataFrame({name: single[name].to_numpy() for name in single})
    assert [score(each) for each in frames] == [score(whole)] * 2


def test_what_a_frame_holds_beside_the_columns_that_are_read_does_not_matter():
    odd = LONG.assign(
        host=[["a", row] for row in range(len(LONG))], at=pd.Timestamp("2026-01-01"), seed=LONG["seed"].astype("category")
    )
    odd.index = pd.MultiIndex.from_product([["run"], range(len(LONG))])
    assert score(odd) == score(LONG)
    with pytest.raises(UserError, match=r"the table, row \('run', 4\): value must be a number, not 'x'"):
        score(odd.assign(value=["x" if row == 4 else 1 for row in range(len(odd))]))
