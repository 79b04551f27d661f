"""A small suite, and the command line run in this process or in one of its own."""

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

SUITE = """
schema = 1
name = "small"
version = 3
summary = "for tests"

[regimes.plain]
modality = "tabular"
data = "penguins"
model.components = 2
n = 40
generations = 2
seeds = 2
objectives = ["tce"]
strategies = ["replace", "fresh-mix:k=2", "control"]
metrics = ["sliced_wasserstein", "nll"]
fidelity_metric = "sliced_wasserstein"
seconds_per_generation = 0.1
"""


@dataclass(frozen=True)
class Answer:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Call = Callable[..., Answer]


def python(script: str, *words: object) -> subprocess.CompletedProcess[str]:
    # From another folder than the repository's, so that what runs is the installed package.
    return subprocess.run([sys.executable, "-P", "-c", script, *map(str, words)], capture_output=True, text=True, timeout=120)
