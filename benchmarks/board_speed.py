"""What `fortifai leaderboard build` costs: seconds for 1,000 entries, without and with what it kept the last time.

``python benchmarks/board_speed.py [ENTRIES]`` generates the entries, each of one of three suites, with two objectives, five
seeds, two strategies and 21 generations, and prints the seconds of three builds: the first one, one more of the same entries, and
one with one entry more.
"""

import json
import os
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from fortifai.leaderboard import build
from fortifai.records.entry import Entry, Marks, Submission
from fortifai.records.entry_file import write_entry
from fortifai.records.hashing import identity_hash
from fortifai.records.numbers import ChainNumbers, Columns, Machine, NullNumbers, RunNumbers, Settings
from fortifai.records.schema import SuiteDescription

ENTRIES, SUITES, SEEDS, GENERATIONS = 1000, 3, 5, 21
RATES = {"ce": 0.1, "tce:gamma=0.9": 0.06}
COMPLETED_BY = ["strategy", "objective", "seed", "data_hash"]


def chain(suite: int, strategy: str, objective: str, seed: int, rng: np.random.Generator) -> ChainNumbers:
    """Return a chain whose distance grows towards the null, at a rate of its own; a control chain's stays where it is."""
    generation = np.arange(GENERATIONS)
    rate = 0 if strategy == "control" else RATES[objective] * np.exp(0.2 * rng.standard_normal())
    values = 1 - 0.8 * np.exp(-rate * generation) + 0.002 * rng.standard_normal(GENERATIONS)
    what = {"strategy": strategy, "objective": objective, "seed": seed, "data_hash": f"d{suite}"}
    identifier = identity_hash({"regime": "drift", **what})
    columns = Columns(
        metrics={"w1": values.tolist(), "tail_mass": rng.random(GENERATIONS).tolist()},
        masked_share=[0.05 if objective != "ce" else 0.0] * GENERATIONS,
        notes={},
        seconds={"fit": rng.random(GENERATIONS).tolist()},
        peak_memory_bytes=[10**8] * GENERATIONS,
        training={name: [size] * GENERATIONS for name, size in {"size": 200, "real": 0, "synthetic": 200}.items()},
    )
    return ChainNumbers(
        **what, id=identifier, modality="tabular", model="mixture-5", regime="drift", horizon=GENERATIONS - 1,
        fidelity_metric="w1", better="lower", null=1.0, settings=0, machine=0, state="done", reason=None, head="0" * 64,
        generation_0=None, generations=columns,
    )  # fmt: skip


def entry(place: int) -> Entry:
    """Return the entry of a number, of a method of its own."""
    rng, suite = np.random.default_rng(place), place % SUITES
    cells = [(strategy, objective, seed) for strategy in ("replace", "control") for objective in RATES for seed in range(SEEDS)]
    numbers = RunNumbers(
        fortifai="0.1.0",
        suite=SuiteDescription(
            name=f"suite-{suite}", version=1, rule="phi<0.75", identity=f"suite-{suite}@1", overrides={}, summary="Generated."
        ),
        nulls=[NullNumbers(regime="drift", metric="w1", n=200, data_hash=f"d{suite}", values=[1.0] * 3, value=1.0)],
        settings=[Settings(identity={"regime": "drift"}, completed_by=COMPLETED_BY)],
        machines=[Machine(versions={"python": "3.11"}, commit="c0ffee0", hardware={"cores": 2})],
        generations_0=[],
        chains=sorted((chain(suite, *cell, rng) for cell in cells), key=lambda one: one.id),
        missing=[],
    )
    submission = Submission(method=f"method-{place:04}", contact="me@example.org", paper=None, code=None)
    marks = Marks(own_suite=True, partial=False, dirty=False)
    return Entry(
        submission=submission, marks=marks, suite_sha256="0" * 64, plug_ins=[], numbers=numbers, score={}, commands=[], hash=None
    )


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else ENTRIES
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ["FORTIFAI_CACHE"] = str(folder / "cache")
        for place in range(count):
            one = entry(place)
            write_entry(folder / "entries" / one.file_name, one)
        for what in ("the first build", "again", "with one entry more"):
            if what == "with one entry more":
                one = entry(count)
                write_entry(folder / "entries" / one.file_name, one)
            begin = time.perf_counter()
            pages = len(build(folder / "entries", folder / "board", workers=os.cpu_count() or 1))
            seconds = round(time.perf_counter() - begin, 2)
            print(json.dumps({"entries": count, "build": what, "files": pages, "seconds": seconds}), flush=True)
        print(json.dumps({"index": (folder / "board" / "index.html").stat().st_size}))


if __name__ == "__main__":
    main()
