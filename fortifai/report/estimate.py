"""What a run was expected to cost against what it cost, by regime."""

from collections import defaultdict
from pathlib import Path

from fortifai.errors import UserError
from fortifai.records.layout import ESTIMATE_FILE
from fortifai.records.numbers import ChainNumbers, RunNumbers
from fortifai.records.schema import EstimateRecord

HEADINGS = ["regime", "generations", "expected, s", "took, s", "took / expected", "of", "expected by"]

BASES = {"probed": "a trial on this machine", "declared": "the suite file"}


def estimate_against_actual(run: Path, numbers: RunNumbers) -> list[list[str]]:
    """Return a row of text for each regime that has an estimate; none where the run noted none.

    Both are of the generations that were run, and were recorded with their training sizes; one that chains share is counted once.

    Args:
        run: The run folder.
        numbers: Of the run.
    """
    try:
        expected = EstimateRecord.load(run / ESTIMATE_FILE).regimes
    except UserError:  # a run of a version that noted none, or damaged: `fortifai verify` tells
        return []
    shared = {one.key: sum(one.seconds.values()) for one in numbers.generations_0}
    chains: dict[str, list[ChainNumbers]] = defaultdict(list)
    for chain in numbers.chains:
        chains[chain.regime].append(chain)
    rows = []
    for name in sorted(expected.keys() & chains.keys()):
        count, planned, took, seen = 0, 0.0, 0.0, set[str]()
        for chain in chains[name]:
            columns = chain.generations
            for generation, size in enumerate(columns.training.get("size", [])):
                seconds = sum(column[generation] or 0.0 for column in columns.seconds.values())
                if generation == 0 and chain.generation_0 is not None:
                    if chain.generation_0 in seen or chain.generation_0 not in shared:
                        continue
                    seen.add(chain.generation_0)
                    seconds = shared[chain.generation_0]
                if size is None or not seconds:
                    continue
                count, took = count + 1, took + seconds
                planned += expected[name].seconds(generation, size)
        if planned:
            unit = "one GPU" if expected[name].gpu else "one core"
            basis = BASES[expected[name].basis]
            rows.append([name, str(count), f"{planned:.3g}", f"{took:.3g}", f"{took / planned:.2f}", unit, basis])
    return rows
