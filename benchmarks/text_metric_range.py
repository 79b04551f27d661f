"""How much range a metric of texts has: what a perfect model reads, what one that lost everything reads, and what lies between.

`python benchmarks/text_metric_range.py [--metric NAME]... [--vocabulary V]... [--n N]...` prints one row for each, on the King
James text in blocks of 128 tokens:
floor: another sample of real text of n blocks; null: one real block repeated, median of 64 (as every suite measures it);
narrow: a tenth of the floor's blocks, each ten times; shuffled: the floor's tokens in any order, so the right
frequencies and no grammar; noise: tokens drawn with equal probability. In brackets: fidelity phi, were the floor generation 0.
`--pretrained MODEL` takes the tokenizer of a pretrained model instead, `--held-out` so many blocks of real text to compare with.
"""

import argparse
from collections.abc import Mapping
from statistics import median
from typing import Any

import torch

from fortifai.contract.metric import Metric
from fortifai.contract.metric_inputs import MetricInputs
from fortifai.contract.samples import Samples
from fortifai.metrics import measure
from fortifai.modalities.text.adapter import LanguageModelAdapter
from fortifai.modalities.text.config import LanguageModelConfig, TextData
from fortifai.modalities.text.metrics.declared import METRICS
from fortifai.modalities.text.model.network import LanguageModel
from fortifai.randomness import stream
from fortifai.recursion.null import measure_nulls

BY_NAME = {metric.name: metric for metric in METRICS}
DEFAULT = ("unigram_js", "bigram_js", "trigram_js")
BLOCK = 128


def adapter_of(vocabulary: int | None, pretrained: str | None, held_out: int) -> LanguageModelAdapter:
    """Return an adapter of the King James text, with a tokenizer of its own or a pretrained one; no model is made."""
    config = LanguageModelConfig(pretrained=pretrained) if vocabulary is None else LanguageModelConfig(vocabulary=vocabulary)
    return LanguageModelAdapter(config, TextData(block=BLOCK, most_held_out=held_out))


def texts(pool: Samples, vocabulary: int, n: int) -> dict[str, Samples]:
    """Return n blocks, int32 (n, 128), of each kind that the module names, the nulls aside.

    Args:
        pool: The real training blocks.
        vocabulary: The number of tokens that noise is drawn from.
        n: Blocks of each kind, at least 10.
    """
    rng = stream("text_metric_range")
    floor = pool.take(torch.randperm(len(pool), generator=rng)[:n])
    tokens = floor["tokens"]
    shuffled = tokens.reshape(-1)[torch.randperm(tokens.numel(), generator=rng)].reshape(tokens.shape)
    noise = torch.randint(vocabulary, tokens.shape, generator=rng, dtype=tokens.dtype)
    narrow = floor.take(torch.arange(n // 10).repeat(10))
    return {"floor": floor, "narrow": narrow, "shuffled": Samples.real(tokens=shuffled), "noise": Samples.real(tokens=noise)}


def row(metric: Metric, adapter: LanguageModelAdapter, vocabulary: int, n: int) -> dict[str, float]:
    """Return one metric of n blocks of each kind, by kind; see `texts` for the arguments."""
    cache: dict[str, Any] = {}
    values = {
        kind: measure(metric, MetricInputs[LanguageModelAdapter, LanguageModel](adapter, samples, cache=cache))
        for kind, samples in texts(adapter.splits.train, vocabulary, n).items()
    }
    return {"floor": values.pop("floor"), "null": median(measure_nulls(adapter, metric, n)), **values}


def with_phi(values: Mapping[str, float]) -> list[str]:
    """Return the values as text, each but floor and null with the fidelity that it would have, were the floor generation 0."""
    floor, null = values["floor"], values["null"]
    return [
        f"{value:.3f}" if kind in ("floor", "null") else f"{value:.3f} ({(null - value) / (null - floor):.2f})"
        for kind, value in values.items()
    ]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--metric", action="append", choices=[m.name for m in METRICS if "model" not in m.reads])
    parser.add_argument("--vocabulary", action="append", type=int)
    parser.add_argument("--n", action="append", type=int)
    parser.add_argument("--pretrained")
    parser.add_argument("--held-out", type=int, default=TextData().most_held_out)
    options = parser.parse_args()
    print("| metric | vocabulary | n | floor | null | narrow | shuffled | noise |\n|---|---|---|---|---|---|---|---|")
    for size in [None] if options.pretrained else options.vocabulary or (256, 512, 1024):
        adapter = adapter_of(size, options.pretrained, options.held_out)
        vocabulary = size or adapter.tokenizer.size
        for name in options.metric or DEFAULT:
            for n in options.n or (500, 1000, 2000):
                values = row(BY_NAME[name], adapter, vocabulary, n)
                print(f"| {name} | {vocabulary} | {n} | {' | '.join(with_phi(values))} |", flush=True)


if __name__ == "__main__":
    main()
