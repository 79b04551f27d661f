"""Export to a data set as the Hugging Face hub has them: a card, and a Parquet file for each table."""

from pathlib import Path

from datasets import Dataset, disable_progress_bars

from fortifai.export.tables import chains_of, generations_of
from fortifai.records.numbers import RunNumbers
from fortifai.sanitise import code, one_line

CARD = """---
configs:
- config_name: generations
  data_files: generations.parquet
  default: true
- config_name: chains
  data_files: chains.parquet
---

# {title}

{summary}

Records of a run of [fortifai](https://arxiv.org/abs/2509.08972): `generations` has a row for every generation of every
chain, `chains` a row for every chain. `load_dataset("FOLDER", "generations")` reads one of them.
"""


def write(numbers: RunNumbers, folder: Path) -> None:
    """Write the card and the two tables of a run into an existing folder."""
    disable_progress_bars()
    for name, table in (("generations", generations_of(numbers)), ("chains", chains_of(numbers))):
        Dataset.from_pandas(table, preserve_index=False).to_parquet(str(folder / f"{name}.parquet"))
    summary = (numbers.suite.model_extra or {}).get("summary", "")
    card = CARD.format(title=one_line(numbers.suite.identity), summary=code(str(summary)))
    (folder / "README.md").write_text(card, "utf-8")
