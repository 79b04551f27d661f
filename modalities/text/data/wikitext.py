"""WikiText-2, from the hub or from a local copy: a text that comes with splits of its own."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from fortifai.errors import UserError

from ..hub import dataset_file
from .reading import decoded

NAME = "wikitext-2"
REPOSITORY, CONFIGURATION = "Salesforce/wikitext", "wikitext-2-raw-v1"
SPLITS = ("train", "validation", "test")
IN_RAW_FILES = {"train": "train", "validation": "valid", "test": "test"}
COLUMN = "text"


def from_hub() -> tuple[str, str, str]:
    """Give the training, validation and test text of WikiText-2 (raw). Raises UserError without a copy and a network."""
    train, validation, test = (_rows([file]) for file in hub_files())
    return train, validation, test


def hub_files() -> list[Path]:
    """Give the files of the three splits. Raises UserError without a copy and a network."""
    remedy = "download it elsewhere and give its folder as data.source, or take a bundled text (king-james, python-topics)"
    return [dataset_file(REPOSITORY, f"{CONFIGURATION}/{split}-00000-of-00001.parquet", remedy) for split in SPLITS]


def from_folder(folder: Path, encoding: str) -> tuple[str, str, str] | None:
    """Give the three texts of a folder with splits of its own, None if it has none.

    Such a folder holds wiki.train.raw, wiki.valid.raw and wiki.test.raw (or .tokens), or parquet files named after the splits
    (train*.parquet, validation*.parquet, test*.parquet) with a column `text`. Raises UserError for a split that is missing.
    """
    found = {split: sorted(folder.glob(f"wiki.{short}.*"))[-1:] for split, short in IN_RAW_FILES.items()}
    if not any(found.values()):
        found = {split: sorted(folder.glob(f"{split}*.parquet")) for split in SPLITS}
    if not any(found.values()):
        return None
    if absent := [split for split, files in found.items() if not files]:
        present = ", ".join(file.name for files in found.values() for file in files)
        raise UserError(f"{folder} has {present}, but no {' and no '.join(absent)} split beside it")
    train, validation, test = (_text(files, encoding) for files in found.values())
    return train, validation, test


def _text(files: list[Path], encoding: str) -> str:
    return _rows(files) if files[0].suffix == ".parquet" else decoded(files[0], encoding)


def _rows(files: list[Path]) -> str:
    """Join the rows of a column of texts, each of which ends a line."""
    rows: list[str] = []
    for file in files:
        try:
            table = pq.read_table(file)
        except (OSError, pa.ArrowException) as error:
            raise UserError(f"{file} cannot be read as parquet: {error}") from None
        if COLUMN not in table.column_names:
            raise UserError(f"{file} has no column {COLUMN!r}; it has {', '.join(table.column_names)}")
        rows += [row or "" for row in table[COLUMN].to_pylist()]
    return "".join(row if row.endswith("\n") else f"{row}\n" for row in rows)
