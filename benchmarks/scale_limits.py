"""What the run folder's side of many chains takes, on the disk that temporary files lie on.

``python benchmarks/scale_limits.py [--generations 200] [--kib 16 1024]`` runs a chain of closed forms, with a model padded to so
many KiB, and prints for each size: generations a second that `ChainFolder` commits, as a worker of this machine does, and with
fsync left out; those that `Inbox` takes from a node and commits, as the driver of a cluster does; files of a finished chain; and
the time for each chain that a plan takes to find out where it stands.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

from fortifai.modalities.analytic.gaussian import GaussianAdapter
from fortifai.planning.chains import Selection
from fortifai.planning.plan import make_plan
from fortifai.planning.suite_file import load_suite
from fortifai.runner import run as running
from fortifai.runner.chain_folder import ChainFolder
from fortifai.runner.cluster.inbox import Inbox
from fortifai.runner.cluster.node import Work, perform_on_node
from fortifai.runner.cluster.parcels import Changes, Piece, files_for
from fortifai.runner.messages import RunChain
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
objectives = ["ce"]
strategies = ["replace", "control"]
seeds = 1
n = 20
seconds_per_generation = 0.008
[regimes.drift]
generations = 5
"""


class Stopwatch:
    """Counts calls of a function, and the seconds that they take."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function, self.calls, self.seconds = function, 0, 0.0

    def __get__(self, owner: object, kind: type) -> Callable[..., Any]:
        def timed(*arguments: Any) -> Any:
            begun = time.perf_counter()
            try:
                return self._function(owner, *arguments)
            finally:
                self.calls, self.seconds = self.calls + 1, self.seconds + time.perf_counter() - begun

        return timed

    @property
    def rate(self) -> float:
        """Calls a second."""
        return self.calls / self.seconds


def local(suite: Path, out: Path, generations: int) -> tuple[float, Path]:
    """Return the commits a second of a chain that is run here, and its run folder."""
    watch = Stopwatch(ChainFolder.commit)
    with mock.patch.object(ChainFolder, "commit", watch):
        path = running.run(suite, out, strategies=["replace"], executor="in-process", generations=generations, quiet=True).path
    return watch.rate, path


def of_node(suite: Path, run: Path, generations: int) -> float:
    """Return the generations a second that the driver takes and commits, of a chain that was run as a node does."""
    plan = make_plan(load_suite(suite), Selection(strategies=("replace",), generations=generations))
    folder, chain = RunFolder(run), plan.chains[0]
    task = RunChain(**running._of_suite(plan, folder), chain=chain, keep="last", begins_with=plan.generation_0(chain))
    sent = list(perform_on_node(Work(task.model_dump_json(), files_for(run, task), {}, str(Path.cwd()), None)))
    inbox, begun, commits = Inbox(run), time.perf_counter(), 0
    for one in sent:
        if isinstance(one, Piece):
            inbox.receive(one)
        elif isinstance(one, Changes):
            inbox.commit(one)
            commits += 1
    return commits / (time.perf_counter() - begun)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--generations", type=int, default=200)
    parser.add_argument("--kib", type=int, nargs="+", default=[16, 1024])
    options = parser.parse_args()
    save = GaussianAdapter.save
    for kib in options.kib:

        def padded(self: GaussianAdapter, model: Any, folder: Path, kib: int = kib) -> None:
            save(self, model, folder)
            (folder / "padding").write_bytes(bytes(1024 * kib))

        with tempfile.TemporaryDirectory() as name, mock.patch.object(GaussianAdapter, "save", padded):
            out = Path(name)
            (out / "bell.toml").write_text(SUITE)
            rate, run = local(out / "bell.toml", out / "here", options.generations)
            with mock.patch.object(os, "fsync"):
                unsafe, _ = local(out / "bell.toml", out / "without", options.generations)
            (chain,) = (path.parent for path in run.glob("*/chain.json"))
            files = sum(path.is_file() for path in chain.rglob("*"))
            plan = make_plan(load_suite(out / "bell.toml"), Selection(strategies=("replace",), generations=options.generations))
            begun = time.perf_counter()
            for _ in range(20):
                plan.statuses(RunFolder(run))
            look = (time.perf_counter() - begun) / 20
            (empty := out / "driver").mkdir()
            for part in ("suite.json", "nulls"):
                (run / part).rename(empty / part)
            driver = of_node(out / "bell.toml", empty, options.generations)
            committed = f"{rate:.0f} generations a second committed here, {unsafe:.0f} without fsync, {driver:.0f} from a node"
            found = f"{look * 1000:.1f} ms to see where one of {options.generations} generations stands"
            print(f"{kib} KiB a model: {committed}; {files} files of a finished chain, {found}", flush=True)


if __name__ == "__main__":
    main()
