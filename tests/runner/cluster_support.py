"""The cheapest suite there is, and what runs it as a node does, in this process."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fortifai
from fortifai.planning.chains import Selection
from fortifai.planning.plan import make_plan
from fortifai.planning.suite_file import load_suite
from fortifai.runner.cluster.node import Sent, Work, perform_on_node
from fortifai.runner.cluster.parcels import files_for
from fortifai.runner.messages import RunChain
from fortifai.runner.run import _of_suite
from fortifai.runner.run_folder import RunFolder

SUITE = """
schema = 1
name = "bell"
version = 1
summary = "a Gaussian"
[defaults]
modality = "analytic-gaussian"
fidelity_metric = "gaussian_spread"
start = "warm"
objectives = ["ce", "tce:gamma=0.85"]
strategies = ["replace", "control"]
seeds = 2
n = 20
generations = 5
seconds_per_generation = 0.008
[regimes.drift]
"""

CHOICE: dict[str, Any] = {"objectives": ["ce"]}
"""What tests run of it: two chains of each of two seeds, which share their generation 0."""


def write_bell(folder: Path, text: str = SUITE) -> Path:
    """Write the suite file, and return its path."""
    (folder / "bell.toml").write_text(text)
    return folder / "bell.toml"


def local_run(folder: Path, **options: Any) -> Path:
    """Return a run of the suite by this process."""
    choice = {"executor": "in-process", "quiet": True} | CHOICE | options
    return fortifai.run(write_bell(folder), folder, **choice).path


def chain_task(suite: Path, run: Path, **changes: Any) -> RunChain:
    """Return the task of the first chain of a suite, as a run folder stands."""
    chosen = load_suite(suite, [])
    plan = make_plan(chosen, Selection(strategies=("replace",)))
    chain, folder = plan.chains[0], RunFolder(run)
    begins = None if folder.has_begun(chain) else plan.generation_0(chain)
    return RunChain(**{**_of_suite(plan, folder), "chain": chain, "keep": "last", "begins_with": begins} | changes)


def sent_by_a_node(task: RunChain) -> Iterator[Sent]:
    """Yield what a node sends of a task, which sees nothing of the run folder but what it is sent."""
    files = files_for(Path(task.folder), task)
    hidden = task.model_copy(update={"folder": "/nowhere"})
    yield from perform_on_node(Work(hidden.model_dump_json(), files, {}, str(Path.cwd()), None))
