"""A suite small enough to run many times, an adapter that fails on demand, and what must not differ between two runs."""

import json
from pathlib import Path

SUITE = """
schema = 1
name = "tiny"
version = 1
summary = "penguins"
[defaults]
modality = "{modality}"
data.source = "penguins"
model.components = 2
metrics = ["sliced_wasserstein", "confidence_gap"]
fidelity_metric = "sliced_wasserstein"
n = 40
start = "warm"
generations = 4
seeds = 2
objectives = {objectives}
strategies = {strategies}
seconds_per_generation = 0.02
[regimes.small]
sampling.temperature = 0.8
"""

PLUGIN = '''
import errno, os, signal
import torch
from fortifai.errors import Diverged
from fortifai.modalities.tabular.adapter import GaussianMixtureAdapter

class Faulty(GaussianMixtureAdapter):
    """Under the focal loss, fails in the third fit of a chain; the loss's gamma says how, while FAULTY is set."""

    fault = None

    def fit(self, samples, validation, objective, init, rng):
        fit = super().fit(samples, validation, objective, init, rng)
        third = bool((samples.origin == 1).any()) and "FAULTY" in os.environ
        self.fault = objective.gamma if third and objective.name == "focal" else None
        if self.fault == 1:
            raise RuntimeError("the model fell over")
        if self.fault == 2:
            raise torch.OutOfMemoryError("tried to allocate everything")
        if self.fault == 3:
            os.kill(os.getpid(), signal.SIGKILL)
        if self.fault == 4:
            raise Diverged("the loss is nan")
        return fit

    def sample(self, model, source, sampling, rng):
        drawn = super().sample(model, source, sampling, rng)
        if self.fault == 5:
            drawn.data["x"][0, 0] = float("nan")
        return drawn

    def save(self, model, folder):
        super().save(model, folder)
        if self.fault == 6:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def show(self, samples, stem):
        text = " ".join(str(value) for value in samples["x"][0].tolist())
        with stem.with_suffix(".txt").open("w") as file:
            file.write(text[:9])
            file.flush()
            if self.fault == 7:
                os.kill(os.getpid(), signal.SIGKILL)
            if self.fault == 8:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            file.write(text[9:])
'''

DECLARATION = """
from dataclasses import replace
from fortifai.modalities.tabular import declaration as tabular
declaration = replace(tabular, name="faulty", adapter="faulty_adapter:Faulty")
"""

CLOCKS = ("seconds", "samples_per_second", "peak_memory_bytes")
"""The fields of a record that may differ between two runs of one chain."""


def write_suite(
    folder: Path,
    modality: str = "tabular",
    objectives: tuple[str, ...] = ("ce", "tce-quantile:keep=0.9"),
    strategies: tuple[str, ...] = ("replace", "accumulate", "control"),
) -> Path:
    """Write the suite file and give its path."""
    path = folder / "tiny.toml"
    lists = {"objectives": json.dumps(objectives), "strategies": json.dumps(strategies)}
    path.write_text(SUITE.format(modality=modality, **lists))
    return path


def numbers(run: Path) -> dict[str, object]:
    """Everything a run holds that must not depend on how it was run: records, samples and models, by path."""
    found: dict[str, object] = {}
    for file in sorted(run.glob("*/generations.jsonl")):
        records = [json.loads(line) for line in file.read_text().splitlines()]
        found[str(file.relative_to(run))] = [{k: v for k, v in record.items() if k not in CLOCKS} for record in records]
    for file in sorted(run.rglob("*.safetensors")):
        found[str(file.relative_to(run))] = file.read_bytes()
    return found


def records(run: Path, objective: str, seed: int = 0, strategy: str = "replace") -> list[dict[str, object]]:
    """The records of one chain."""
    for file in run.glob("*/chain.json"):
        chain = json.loads(file.read_text())
        if (chain["objective"], chain["seed"], chain["strategy"]) == (objective, seed, strategy):
            return [json.loads(line) for line in (file.parent / "generations.jsonl").read_text().splitlines()]
    raise AssertionError(f"no chain {objective} {seed} {strategy} in {run}")
