"""WikiText-2, from the hub or from a local copy: a text that comes with splits of its own."""

from pathlib import Path

from fortifai.errors import UserError

from ..hub import dataset_file
from .reading import read_decoded
from .records import read_column

NAME = "wikitext-2"
REPOSITORY, CONFIGURATION = "Salesforce/wikitext", "wikitext-2-raw-v1"
SPLITS = ("train", "validation", "test")
IN_RAW_FILES = {"train": "train", "validation": "valid", "test": "test"}
"""What the splits are called in the names of the raw files."""

COLUMN = "text"


def from_hub() -> tuple[str, str, str]:
    """Return the training, validation and test text of WikiText-2 (raw).

    Raises:
        UserError: There is neither a local copy nor a network.
    """
    train, validation, test = (_rows([file]) for file in hub_files())
    return train, validation, test


def hub_files() -> list[Path]:
    """Return the local copies of the files of the three splits, downloaded where they are missing.

    Raises:
        UserError: There is neither a local copy nor a network.
    """
    remedy = "download it elsewhere and name its folder as data.source, or take a bundled text (king-james, python-topics)"
    return [dataset_file(REPOSITORY, f"{CONFIGURATION}/{split}-00000-of-00001.parquet", remedy) for split in SPLITS]


def from_folder(folder: Path, encoding: str) -> tuple[str, str, str] | None:
    """Return the training, validation and test text of a folder with splits of its own, or None if it has none.

    Such a folder holds wiki.train.raw, wiki.valid.raw and wiki.test.raw (or .tokens), or parquet files named after the splits
    (train*.parquet, validation*.parquet, test*.parquet) with a column `text`.

    Args:
        folder: The folder, which may be missing or a file.
        encoding: Of the raw files.

    Raises:
        UserError: Some of the three splits are missing, or a file cannot be read.
    """
    files = {split: sorted(folder.glob(f"wiki.{name}.*"))[-1:] for split, name in IN_RAW_FILES.items()}
    if not any(files.values()):
        files = {split: sorted(folder.glob(f"{split}*.parquet")) for split in SPLITS}
    if not any(files.values()):
        return None
    if absent := [split for split in SPLITS if not files[split]]:
        present = ", ".join(file.name for of_split in files.values() for file in of_split)
        raise UserError(f"{folder} has {present}, but no {' and no '.join(absent)} split beside it")
    train, validation, test = (_text(files[split], encoding) for split in SPLITS)
    return train, validation, test


def _text(files: list[Path], encoding: str) -> str:
    return _rows(files) if files[0].suffix == ".parquet" else read_decoded(files[0], encoding)


def _rows(files: list[Path]) -> str:
    """Join the rows of a column of texts, each of which ends a line."""
    return "".join(row if row.endswith("\n") else f"{row}\n" for row in read_column(files, COLUMN))
