"""How much range a metric of texts has: what a perfect model reads, what one that lost everything reads, and what lies between.

`python benchmarks/text_metric_range.py [--metric NAME]... [--vocabulary V]... [--n N]...` prints one row for each, on the King
James text in blocks of 128 tokens:
floor: another sample of real text of n blocks; null: one real block repeated, median of 64 (as every suite measures it);
narrow: a tenth of the floor's blocks, each ten times; shuffled: the floor's tokens in any order, so the right
frequencies and no grammar; noise: tokens drawn with equal probability. In brackets: fidelity phi, were the floor generation 0.
`--pretrained MODEL` takes the tokenizer of a pretrained model instead, `--held-out` so many blocks of real text to compare with.
"""

import argparse
from statistics import median
from types import SimpleNamespace
from typing import Any

import torch

from fortifai.contract.metric import Metric
from fortifai.contract.metric_inputs import MetricInputs
from fortifai.contract.samples import Samples, Splits
from fortifai.metrics import measure
from fortifai.modalities.text.config import TextData
from fortifai.modalities.text.data import corpora
from fortifai.modalities.text.data.blocks import split
from fortifai.modalities.text.metrics.declared import METRICS
from fortifai.modalities.text.model import tokenizer
from fortifai.randomness import stream
from fortifai.recursion.null import measure_nulls

BY_NAME = {metric.name: metric for metric in METRICS}
DEFAULT = ("unigram_js", "bigram_js", "trigram_js")
BLOCK = 128


def load(vocabulary: int | None, pretrained: str | None, held_out: int) -> tuple[Splits, Any]:
    """Cut the King James text by a tokenizer of its own, or a pretrained one; give what stands in for an adapter too."""
    corpus = corpora.read(TextData())
    encoder = tokenizer.pretrained(pretrained) if vocabulary is None else tokenizer.train("".join(corpus.train), vocabulary)
    return split(corpus, encoder, TextData(block=BLOCK, most_held_out=held_out)), SimpleNamespace(tokenizer=encoder)


def texts(splits: Splits, vocabulary: int, n: int) -> dict[str, Samples]:
    """Give n blocks of each kind that the module names, but the nulls."""
    rng = stream("text_metric_range")
    floor = splits.train.take(torch.randperm(len(splits.train), generator=rng)[:n])
    tokens = floor["tokens"]
    shuffled = tokens.reshape(-1)[torch.randperm(tokens.numel(), generator=rng)].reshape(tokens.shape)
    noise = torch.randint(vocabulary, tokens.shape, generator=rng, dtype=tokens.dtype)
    narrow = floor.take(torch.arange(n // 10).repeat(10))
    return {"floor": floor, "narrow": narrow, "shuffled": Samples.real(tokens=shuffled), "noise": Samples.real(tokens=noise)}


def row(metric: Metric, splits: Splits, adapter: Any, vocabulary: int, n: int) -> dict[str, float]:
    """Measure one metric on all of them."""
    cache: dict[str, Any] = {}
    made = texts(splits, vocabulary, n)
    values = {kind: measure(metric, MetricInputs(splits, samples, adapter, None, cache)) for kind, samples in made.items()}
    return {"floor": values.pop("floor"), "null": median(measure_nulls(adapter, splits, metric, n)), **values}


def with_phi(values: dict[str, float]) -> list[str]:
    """Give the values as text; behind those between floor and null stands their fidelity, were the floor generation 0."""
    floor, null = values["floor"], values["null"]
    return [
        f"{value:.3f}" if kind in ("floor", "null") else f"{value:.3f} ({(null - value) / (null - floor):.2f})"
        for kind, value in values.items()
    ]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--metric", action="append", choices=[m.name for m in METRICS if "model" not in m.needs])
    parser.add_argument("--vocabulary", action="append", type=int)
    parser.add_argument("--n", action="append", type=int)
    parser.add_argument("--pretrained")
    parser.add_argument("--held-out", type=int, default=TextData().most_held_out)
    given = parser.parse_args()
    print("| metric | vocabulary | n | floor | null | narrow | shuffled | noise |\n|---|---|---|---|---|---|---|---|")
    for wanted in [None] if given.pretrained else given.vocabulary or (256, 512, 1024):
        splits, adapter = load(wanted, given.pretrained, given.held_out)
        vocabulary = wanted or adapter.tokenizer.size
        for name in given.metric or DEFAULT:
            for n in given.n or (500, 1000, 2000):
                values = row(BY_NAME[name], splits, adapter, vocabulary, n)
                print(f"| {name} | {vocabulary} | {n} | {' | '.join(with_phi(values))} |", flush=True)


if __name__ == "__main__":
    main()
