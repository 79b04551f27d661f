"""Export to Parquet."""

from pathlib import Path

from fortifai.export.tables import chains_of, generations_of
from fortifai.records.numbers import RunNumbers


def write(numbers: RunNumbers, folder: Path) -> None:
    """Write the two tables of a run into an existing folder."""
    generations_of(numbers).to_parquet(folder / "generations.parquet", index=False)
    chains_of(numbers).to_parquet(folder / "chains.parquet", index=False)
