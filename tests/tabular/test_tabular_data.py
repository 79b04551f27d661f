"""Tables: the bundled ones, a user's files, and the errors for unusable ones."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from pydantic import ValidationError

from fortifai.errors import UserError
from fortifai.modalities.tabular.config import TableData
from fortifai.modalities.tabular.data import load_table


@pytest.fixture
def good() -> pd.DataFrame:
    rng = np.random.default_rng(1)
    return pd.DataFrame({"length": rng.normal(5, 2, 200), "mass": rng.lognormal(0, 1, 200), "count": rng.integers(0, 9, 200)})


def write(frame: pd.DataFrame, folder: Path, name: str = "table.csv") -> str:
    path = folder / name
    if name.endswith(".csv"):
        frame.to_csv(path, index=False)
    else:
        frame.to_parquet(path)
    return str(path)


def refused(source: str, **settings: object) -> str:
    with pytest.raises(UserError) as caught:
        load_table(TableData(source=source, **settings))  # type: ignore[arg-type]
    return str(caught.value)


@pytest.mark.parametrize(("name", "rows", "columns"), [("diamonds", 53_920, 7), ("penguins", 342, 4), ("mixture-2d", 10_000, 2)])
def test_bundled_tables_load_standardised_and_clipped(name: str, rows: int, columns: int) -> None:
    splits = load_table(TableData(source=name))
    parts = (splits.train, splits.validation, splits.test)
    assert sum(map(len, parts)) == rows
    assert all(part["x"].shape[1] == columns and part["x"].dtype == torch.float64 for part in parts)
    # Before clipping the pool has mean 0 and deviation 1 exactly; clipping at 6 moves them a little.
    torch.testing.assert_close(splits.train["x"].mean(0), torch.zeros(columns).double(), atol=1e-3, rtol=0)
    torch.testing.assert_close(splits.train["x"].std(0, correction=0), torch.ones(columns).double(), atol=0.02, rtol=0)
    assert all(float(part["x"].abs().max()) <= 6 for part in parts)


def test_a_string_stands_for_the_source() -> None:
    assert TableData.model_validate("penguins") == TableData(source="penguins")


def test_the_split_is_a_function_of_the_seed() -> None:
    a, b, c = (load_table(TableData(source="penguins", seed=seed)) for seed in (0, 0, 1))
    assert a.data_hash() == b.data_hash() != c.data_hash()


def test_standardisation_ignores_what_is_held_out(good: pd.DataFrame, tmp_path: Path) -> None:
    splits = load_table(TableData(source=write(good, tmp_path)))
    torch.testing.assert_close(splits.train["x"].mean(0), torch.zeros(3).double(), atol=1e-12, rtol=0)
    assert float(splits.test["x"].mean(0).abs().max()) > 1e-3


def test_csv_and_parquet_give_the_same_data(good: pd.DataFrame, tmp_path: Path) -> None:
    a, b = (load_table(TableData(source=write(good, tmp_path, name))) for name in ("a.csv", "b.parquet"))
    assert torch.allclose(a.train["x"], b.train["x"], atol=1e-12)


def test_columns_and_logarithms_are_as_asked(good: pd.DataFrame, tmp_path: Path) -> None:
    source = write(good, tmp_path)
    plain = load_table(TableData(source=source, columns=("mass", "length"), clip=100))
    logs = load_table(TableData(source=source, columns=("mass", "length"), logs=("mass",), clip=100))
    assert torch.equal(plain.train["x"][:, 1], logs.train["x"][:, 1])
    a, b = plain.train["x"][:, 0], logs.train["x"][:, 0]
    assert torch.equal(a.argsort(), b.argsort())
    assert not torch.allclose(a, b)


def test_a_missing_file_names_the_nearest_bundled_table() -> None:
    assert refused("diamond").startswith("no data file 'diamond', and no bundled table of that name; did you mean 'diamonds'?")
    assert "bundled tables: diamonds, mixture-2d, penguins" in refused("nowhere/at/all.csv")


def test_an_unreadable_file_is_named(tmp_path: Path) -> None:
    for name, content in (
        ("empty.csv", b""),
        ("bad.parquet", b"not parquet"),
        ("bad.csv", b"\xff\xfe\x00\x81\x82"),
        ("ragged.csv", b"a,b\n1\n1,2,3\n"),
    ):
        (tmp_path / name).write_bytes(content)
        assert f"{name} cannot be read" in refused(str(tmp_path / name))
    (tmp_path / "header.csv").write_text("a,b\n")
    assert "header.csv has no rows" in refused(str(tmp_path / "header.csv"))
    (tmp_path / "table.xlsx").write_text("")
    assert "only .csv and .parquet" in refused(str(tmp_path / "table.xlsx"))


def test_text_in_a_numeric_column_is_shown_with_its_row(good: pd.DataFrame, tmp_path: Path) -> None:
    good["mass"] = good["mass"].astype(object)
    good.loc[41, "mass"] = "heavy"
    assert refused(write(good, tmp_path)).endswith("column 'mass' is numeric, but row 42 holds 'heavy'")


def test_columns_of_text_are_named_with_the_way_out(good: pd.DataFrame, tmp_path: Path) -> None:
    good["kind"], good["seen"] = "tree", True
    message = refused(write(good, tmp_path))
    assert 'not numeric: kind, seen; leave them out with data.columns=["length", "mass", "count"]' in message
    load_table(TableData(source=write(good, tmp_path), columns=("length", "mass", "count")))


@pytest.mark.parametrize("name", ["table.csv", "table.parquet"])
def test_infinities_and_missing_values_are_located(good: pd.DataFrame, tmp_path: Path, name: str) -> None:
    infinite, missing = good.copy(), good.copy()
    infinite.loc[6, "length"] = -np.inf
    assert "column 'length' holds an infinity in row 7" in refused(write(infinite, tmp_path, name))
    missing.loc[[3, 9], "mass"] = np.nan
    assert "column 'mass' has missing values: 2, the first in row 4; drop these rows" in refused(write(missing, tmp_path, name))


def test_a_constant_column_is_refused(good: pd.DataFrame, tmp_path: Path) -> None:
    good["one"] = 1.0
    assert "the same value in every row of one" in refused(write(good, tmp_path))


def test_too_few_rows_are_refused(good: pd.DataFrame, tmp_path: Path) -> None:
    assert "has 30 rows; at least 50" in refused(write(good.head(30), tmp_path))


def test_an_unknown_column_gets_the_nearest_one() -> None:
    assert "has no column 'body_mas_g'; did you mean 'body_mass_g'?" in refused("penguins", columns=("body_mas_g",))
    assert "named twice" in refused("penguins", columns=("body_mass_g", "body_mass_g"))


def test_a_logarithm_of_zero_is_refused(good: pd.DataFrame, tmp_path: Path) -> None:
    good["count"] = good["count"].clip(lower=1)
    good.loc[12, "count"] = 0
    assert "no logarithm of column 'count': row 13 holds 0" in refused(write(good, tmp_path), logs=("count",))


@pytest.mark.parametrize("settings", [{"source": ""}, {"clip": 0}, {"test": 0.9}, {"columns": ()}, {"colour": "red"}])
def test_settings_out_of_range_are_refused(settings: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        TableData.model_validate(settings)
