"""An entry to tamper with, and the executor that runs chains in this process, because a worker takes seconds to start."""

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fortifai.records.entry import Entry, Submission
from fortifai.records.entry_file import canonical
from fortifai.records.hashing import content_hash

TCE = "tce-quantile:keep=0.9,unit=component"
SUBMISSION = Submission(method="mine", contact="me@example.org")

SUITE = """
schema = 1
name = "tiny"
version = 1
summary = "penguins"
[regimes.biased]
modality = "tabular"
data.source = "penguins"
model.components = 2
sampling.temperature = 0.5
metrics = ["sliced_wasserstein", "ks_max", "ks_mean", "nll"]
fidelity_metric = "sliced_wasserstein"
n = 40
start = "warm"
generations = 3
seeds = 3
objectives = ["tce-quantile:keep=0.9"]
strategies = ["replace", "control"]
seconds_per_generation = 0.02
"""

Change = Callable[[dict[str, Any]], object]


def pack(text: bytes) -> bytes:
    """Return a text as the file of an entry packs it."""
    return gzip.compress(text, 9, mtime=0)


def content_of(file: Path) -> dict[str, Any]:
    """Return the content of an entry's file."""
    content: dict[str, Any] = json.loads(gzip.decompress(file.read_bytes()))
    return content


def tampered(file: Path, folder: Path, change: Change, name: str | None = None) -> Path:
    """Write what somebody would who changes an entry and its hash with it, and return the file."""
    content = content_of(file)
    change(content)
    content.pop("hash")
    content["hash"] = content_hash(content)
    folder.mkdir(exist_ok=True)
    out = folder / (name or file.name)
    out.write_bytes(pack(canonical(content)))
    return out


def rescored(content: dict[str, Any]) -> None:
    """Make an entry's score and commands those of its numbers, as an honest program would have written them."""
    from fortifai.leaderboard.submission import score_of
    from fortifai.report.commands import commands_of

    numbers = Entry.model_validate(content).numbers
    content["score"], content["commands"] = score_of(numbers), commands_of(numbers, [])


def chain_of(content: dict[str, Any], objective: str = TCE, seed: int = 0, strategy: str = "replace") -> dict[str, Any]:
    """Return one chain of an entry's content."""
    coordinates = {"objective": objective, "seed": seed, "strategy": strategy}
    chains: list[dict[str, Any]] = content["numbers"]["chains"]
    return next(chain for chain in chains if coordinates.items() <= chain.items())
