"""How often each run of n tokens occurs, and how far the frequencies of synthetic text are from those of real text.

Samples hold ``tokens``, int32 (N, T): N blocks of T tokens. An n-gram lies within one block, since the next block does not
follow the one before it. A sample of finite size differs from the law that it was drawn from: the distances of two samples of
one law are above 0, fall with N, and rise with n. So compare them at one N only; a chain's generations have the same.
"""

import math
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from fortifai.contract.metric_inputs import MetricInputs

BITS = 21
"""Bits of a token in the code of an n-gram: three fit into 63, and no vocabulary has two million tokens."""

UNSEEN = 1e-10
"""The frequency that stands for 0 in the KL divergence, as in the paper."""


@dataclass(frozen=True)
class Counts:
    """The K distinct n-grams of a text and how often each occurs.

    Attributes:
        codes: int64 (K,), a number for each n-gram, ascending.
        counts: int64 (K,), each at least 1.
    """

    codes: Tensor
    counts: Tensor

    def frequencies(self) -> Tensor:
        """Return the share of each n-gram, float64 (K,), with sum 1."""
        return self.counts.double() / self.counts.sum()


def count(tokens: Tensor, n: int) -> Counts:
    """Count the n-grams within blocks.

    Args:
        tokens: Blocks, integers (N, T) below 2^21.
        n: 1, 2 or 3; blocks that are shorter have no n-gram.
    """
    windows = tokens.long().unfold(1, n, 1) if tokens.shape[1] >= n else tokens.new_empty(0, n, dtype=torch.int64)
    shifts = BITS * torch.arange(n - 1, -1, -1)
    return Counts(*torch.unique((windows << shifts).sum(-1), return_counts=True))


def aligned_frequencies(a: Counts, b: Counts) -> tuple[Tensor, Tensor]:
    """Return the frequencies in each of two texts of the K n-grams that either has: two float64 (K,)."""
    union, place = torch.unique(torch.cat([a.codes, b.codes]), return_inverse=True)
    p, q = torch.zeros(2, len(union), dtype=torch.float64)
    p[place[: len(a.codes)]] = a.frequencies()
    q[place[len(a.codes) :]] = b.frequencies()
    return p, q


def jensen_shannon(a: Counts, b: Counts) -> float:
    """Return the Jensen-Shannon distance of two texts: the square root of the divergence in bits, in [0, 1].

    A metric in the sense of mathematics (Endres and Schindelin, 2003): 0 for equal frequencies, 1 for texts without a common
    n-gram; NaN where a text has none at all.
    """
    if not len(a.codes) or not len(b.codes):
        return float("nan")
    p, q = aligned_frequencies(a, b)
    middle = (p + q) / 2
    nats = (torch.special.xlogy(p, p / middle) + torch.special.xlogy(q, q / middle)).sum() / 2
    return math.sqrt(min(max(float(nats) / math.log(2), 0.0), 1.0))


def unigram_kl(inputs: MetricInputs) -> float:
    """Return the KL divergence of synthetic token frequencies from real ones, KL(synthetic || real), in nats, >= 0.

    The paper's diversity measure. Real text is the training pool, which its chains regenerate; a frequency of 0 counts as
    1e-10, so a token that real text lacks costs much and one that synthetic text lost costs next to nothing.
    """
    real = inputs.once("unigram_train", lambda: count(inputs.splits.train["tokens"], 1))
    p, q = aligned_frequencies(count(inputs.synthetic["tokens"], 1), real)
    p, q = p.clamp_min(UNSEEN), q.clamp_min(UNSEEN)
    return float((p * (p / q).log()).sum().clamp_min(0))


def _distance(inputs: MetricInputs, n: int) -> float:
    real = inputs.once(f"ngrams_{n}", lambda: count(inputs.real["tokens"], n))
    return jensen_shannon(count(inputs.synthetic["tokens"], n), real)


unigram_js = partial(_distance, n=1)
bigram_js = partial(_distance, n=2)
trigram_js = partial(_distance, n=3)
