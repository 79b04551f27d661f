"""Subsets of BLiMP, the benchmark of linguistic minimal pairs (arXiv 1912.00582), as items of a KR-test without contexts."""

import re
from pathlib import Path

from pydantic import ValidationError

from fortifai.config import explain
from fortifai.errors import UserError
from fortifai.sanitise import user_path

from ..data.records import read_records
from ..hub import HUB, dataset_file
from .items import Item

REPOSITORY = "nyu-mll/blimp"
SUBSETS = ("adjunct_island", "causative")
"""The subsets that the paper reports."""

GOOD, BAD = "sentence_good", "sentence_bad"


def read(where: str | None, subset: str) -> tuple[Item, ...]:
    """Return the pairs of a subset, the grammatical sentence as the true one.

    Args:
        where: ``hub``, or a folder with BLiMP's own files.
        subset: The subset's name, such as adjunct_island.

    Raises:
        UserError: None was named, or the file is missing or wrong.
    """
    metric = f"metric 'blimp:{subset}'"
    if where is None:
        raise UserError(f"{metric}: set data.blimp to hub, or to a folder with BLiMP's own files, SUBSET.jsonl")
    if not re.fullmatch(r"[a-z0-9_]+", subset):
        raise UserError(f"{metric}: a subset has a name such as {SUBSETS[0]}")
    file = hub_file(subset) if where == HUB else user_path(where) / f"{subset}.jsonl"
    items = []
    for number, record in enumerate(read_records(file, (GOOD, BAD)), start=1):
        try:
            items.append(Item(context="", sentence_true=record[GOOD], sentence_false=record[BAD], location=number))
        except ValidationError as error:
            raise UserError(f"{file}: pair {number}: {'; '.join(explain(error))}") from None
    return tuple(items)


def hub_file(subset: str) -> Path:
    """Return the local copy of a subset's file, downloaded if it is not there. Raises UserError."""
    remedy = "download it elsewhere and name a folder with BLiMP's own files, SUBSET.jsonl, as data.blimp"
    return dataset_file(REPOSITORY, f"{subset}/train-00000-of-00001.parquet", remedy)
