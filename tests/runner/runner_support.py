"""A suite small enough to run many times, plug-ins that fail on demand, and what must not differ between two runs."""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import fortifai
from fortifai.contract.declaration import modalities
from fortifai.records.hashing import identity_hash
from fortifai.runner.executor import executors

QUANTILE = "tce-quantile:keep=0.9,unit=component"
"""An objective beside cross entropy, by the name that chains have it under."""

FORTIFAI = (sys.executable, "-P", "-c", "from fortifai.cli import main; main()")
"""The command line. -P: what runs is the installed package, wherever the tests are started."""

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
    """Under the focal loss, fails in the third fit of a chain: the loss's gamma says how, while FAULTY is set.

    What becomes of every picture, SHOW says, and
    DEADLY names the one that ends the process; where as many samples are asked for as TOO_FEW says, one is
    missing. The process of every adapter that is made is noted in the file LOADS.
    """

    fault = None

    def __init__(self, config, data):
        super().__init__(config, data)
        if "LOADS" in os.environ:
            with open(os.environ["LOADS"], "a") as file:
                file.write(f"{os.getpid()}\\n")

    def fit(self, samples, objective, init, rng, checkpoints=None):
        fit = super().fit(samples, objective, init, rng)
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
        if str(len(source)) == os.environ.get("TOO_FEW"):
            drawn["x"] = drawn["x"][1:]
        if self.fault == 5:
            drawn["x"][0, 0] = float("nan")
        return drawn

    def save(self, model, folder):
        super().save(model, folder)
        if self.fault == 6:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def show(self, data, stem):
        if os.environ.get("SHOW") == "nothing":
            return
        text = " ".join(str(value) for value in data["x"][0].tolist())
        if os.environ.get("SHOW") == "picture":
            from matplotlib.image import imsave
            return imsave(stem.with_suffix(".png"), data["x"][:2, :2].numpy())
        with stem.with_suffix(".txt").open("w") as file:
            file.write(text[:9])
            file.flush()
            if self.fault == 7 or stem.name == os.environ.get("DEADLY"):
                os.kill(os.getpid(), signal.SIGKILL)
            if os.environ.get("SHOW") == "broken":
                raise RuntimeError("out of ink")
            if os.environ.get("SHOW") == "full":
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            file.write(text[9:])
'''

DECLARATION = """
from dataclasses import replace
from fortifai.modalities.tabular import declaration as tabular
declaration = replace(tabular, name="faulty", adapter="faulty_adapter:Faulty")
"""

EXECUTORS = """
from pydantic import Field
from fortifai.config import Runtime
from fortifai.runner.executor import ExecutorOptions
from fortifai.runner.in_process import InProcessExecutor

class Order(ExecutorOptions):
    say_hello: Runtime[int] = Field(0, ge=0, le=3, description="how often")

class Backwards(InProcessExecutor):
    # The last task first.
    Options = Order

    @property
    def where(self):
        return " ".join(["hello"] * self.options.say_hello) or None

    def run(self, tasks):
        for place, event in super().run(tasks[::-1]):
            yield len(tasks) - 1 - place, event

class Worker:
    pass
"""

ENTRY_POINTS = """
[fortifai.modalities]
faulty = faulty_declaration:declaration
[fortifai.executors]
backwards = other_executors:Backwards
none-at-all = other_executors:Worker
"""

CLOCKS = ("seconds", "samples_per_second", "peak_memory_bytes", "hash")
"""The fields of a record that may differ between two runs of one chain: times, memory, and the hash over all of a line."""


def write_suite(
    folder: Path,
    modality: str = "tabular",
    objectives: tuple[str, ...] = ("ce", QUANTILE),
    strategies: tuple[str, ...] = ("replace", "accumulate", "control"),
) -> Path:
    """Write the suite file, and return its path."""
    path = folder / "tiny.toml"
    lists = {"objectives": json.dumps(objectives), "strategies": json.dumps(strategies)}
    path.write_text(SUITE.format(modality=modality, **lists))
    return path


def failing(how: int) -> str:
    """Return the objective under which the adapter `Faulty` fails in this way, by the name that chains have it under."""
    return f"focal:gamma={how},scale=relative,unit=component"


@contextmanager
def plugged_in(plugin: Path) -> Iterator[None]:
    """Have the plug-ins in this process, and in those that it starts, as if they were installed."""
    assert "tabular" in modalities
    assert "local" in executors  # installed entry points are read once, and not with those of a test among them
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(plugin)
        patch.setenv("PYTHONPATH", str(plugin))
        patch.setitem(modalities._entries, "faulty", "faulty_declaration:declaration")
        patch.setitem(executors._entries, "backwards", "other_executors:Backwards")
        patch.setitem(executors._entries, "none-at-all", "other_executors:Worker")
        yield


def run_faulty(out: Path, *objectives: str, executor: str = "in-process", **options: Any) -> Path:
    """Run replace chains of the adapter that fails on demand, under cross entropy and these objectives, from within `plugged_in`.

    In this process unless another executor is named, because a worker takes seconds to start.
    """
    suite = write_suite(out, "faulty", ("ce", *objectives), ("replace", "control"))
    choice: dict[str, Any] = {"seeds": 1, "strategies": ["replace"], "quiet": True, "executor": executor}
    return fortifai.run(suite, out, **(choice | options)).path


def command_line(*words: object, environment: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run the command line in a process of its own, and return how it ended."""
    return subprocess.run([*FORTIFAI, *map(str, words)], capture_output=True, text=True, env=environment, check=False)


def numbers(run: Path) -> dict[str, object]:
    """Return everything of a run that must not depend on how it was run: records, samples and models, by path."""
    content: dict[str, object] = {}
    for file in sorted(run.glob("*/generations.jsonl")):
        lines = [json.loads(line) for line in file.read_text().splitlines()]
        content[str(file.relative_to(run))] = [{k: v for k, v in line.items() if k not in CLOCKS} for line in lines]
    for file in sorted(run.rglob("*.safetensors")):
        if ".damaged-" not in str(file.relative_to(run)):  # set aside, and no longer part of the run
            content[str(file.relative_to(run))] = file.read_bytes()
    return content


def records(run: Path, objective: str, seed: int = 0, strategy: str = "replace") -> list[dict[str, object]]:
    """Return the records of one chain."""
    for file in run.glob("*/chain.json"):
        chain = json.loads(file.read_text())
        if (chain["objective"], chain["seed"], chain["strategy"]) == (objective, seed, strategy):
            return [json.loads(line) for line in (file.parent / "generations.jsonl").read_text().splitlines()]
    raise AssertionError(f"no chain {objective} {seed} {strategy} in {run}")


def as_version_1(run: Path) -> None:
    """Turn a run folder into one as the first version wrote it: of protocol 1, without a manifest and without hashes."""
    (run / "manifest.json").unlink()
    for file in (run / "suite.json", *run.glob("nulls/*.json")):
        _write_plain(file, json.loads(file.read_text()))
    for folder in [file.parent for file in run.glob("*/chain.json")]:
        chain = json.loads((folder / "chain.json").read_text())
        chain["identity"]["protocol"] = 1
        chain["id"] = identity_hash(chain["identity"])
        _write_plain(folder / "chain.json", chain)
        lines = [json.loads(line) for line in (folder / "generations.jsonl").read_text().splitlines()]
        plain = [{key: value for key, value in line.items() if key not in HASHES} for line in lines]
        (folder / "generations.jsonl").write_text("".join(json.dumps(line) + "\n" for line in plain))
        folder.rename(run / chain["id"])


HASHES = ("hash", "samples_sha256", "model_sha256")


def _write_plain(file: Path, content: dict[str, object]) -> None:
    plain = {key: value for key, value in content.items() if key not in HASHES}
    file.write_text(json.dumps({**plain, "schema": 1}))
