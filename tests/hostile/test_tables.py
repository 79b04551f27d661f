"""Any table of trajectories is scored or refused, by code and in words that no terminal obeys; none ends in a traceback."""

import pytest
from hostile_support import MARKUP, is_visible
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

NUMBERS = [
    "0",
    "1",
    "0.5",
    "-1",
    "nan",
    "inf",
    "",
    "1e308",
    "1e-320",
    "1e400",
    "9" * 400,
    "9" * 5_000,
    "1_0",
    "0x10",
    "１",
    "true",
    "\0",
]
COLUMNS = ["objective", "generation", "metric", "value", "null", "better", "seed", "regime", "strategy", "state", "horizon"]
OTHERS = ["0", "1", "g2", "generation_3", "9" * 5_000, "w1", "masked_share", "", " VALUE", "\ufeffobjective"]
NAMES = ["ce", "ce", "tce", "w1", "lower", "higher", *(text for text in MARKUP if text != "\ud800")]

cells = st.sampled_from(NUMBERS) | st.sampled_from(NAMES)
headers = st.lists(st.sampled_from(COLUMNS + OTHERS), min_size=1, max_size=7) | st.just(COLUMNS[:4]) | st.just(COLUMNS[:7])
tables = headers.flatmap(
    lambda names: st.tuples(st.just(names), st.lists(st.lists(cells, min_size=len(names), max_size=len(names))))
)


def csv(rows: list[list[str]]) -> str:
    return "\n".join(",".join('"' + cell.replace('"', '""') + '"' for cell in row) for row in rows) + "\n"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    table=tables,
    words=st.sampled_from([(), ("--null", "1"), ("--rule", "w1>0.5"), ("--rule", "|w1-1|>0.5"), ("--null", "9" * 5_000)]),
)
@example((["objective", "g0", "g1"], []), ())
@example((["objective", "0", "9" * 5_000], [["ce", "1", "2"]]), ("--null", "3"))
@example((["objective", "generation", "metric", "value"], [["ce", "9" * 5_000, "w1", "1"]]), ())
@example((["objective", "generation", "metric", "value"], [["ce", "0", "w1", "9" * 5_000]]), ("--null", "3"))
def test_any_table_is_scored_or_refused(call, tmp_path, table, words):
    names, rows = table
    (file := tmp_path / "table.csv").write_text(csv([names, *rows]), encoding="utf-8", newline="")
    answer = call("score", file, *words)
    assert answer.code in (0, 1, 2)
    assert all(map(is_visible, (answer.out + answer.err).replace("\n", "")))
    assert answer.code == 0 or answer.err.startswith("fortifai: ")
    assert all(line.startswith("  ") for line in answer.err.splitlines()[1:])


TABLE = csv([COLUMNS[:5], ["cé", "0", "w1", "0.1", "1"], ["cé", "1", "w1", "0.9", "1"]])


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "latin-1"])
def test_a_table_in_another_encoding_is_refused(call, tmp_path, encoding):
    (file := tmp_path / "table.csv").write_bytes(TABLE.encode(encoding))
    answer = call("score", file)
    assert (answer.code, answer.out) == (2, "")
    assert f"{file}: cannot be read as CSV: it is not UTF-8" in answer.err
    assert answer.err.count("\n") == 1


def test_a_byte_order_mark_is_read_over(call, tmp_path):
    (file := tmp_path / "table.csv").write_bytes(TABLE.encode("utf-8-sig"))
    assert call("score", file, "--baseline", "cé").code == 0
