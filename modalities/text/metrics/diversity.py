"""How varied a text is, and what of the real vocabulary it still uses.

Samples hold ``tokens``, int32 (N, T): N blocks of T tokens. All of these depend on N and T, so compare them at one size only.
"""

from functools import partial

import torch
from torch import Tensor

from fortifai.contract.metric_inputs import MetricInputs

from .ngrams import Counts, count

REPEATED = 4
"""Tokens of a run whose second occurrence in a block counts as repetition."""

RARE = 0.05
"""Mass of the real text that its rarest tokens hold together."""

LEAST_EXPECTED = 5
"""Occurrences that a rare token must be expected to have: a faithful sample then misses fewer than one in a hundred of them."""


def repetition_rate(inputs: MetricInputs) -> float:
    """Return the share of 4-grams that have occurred before in the same block, in [0, 1]; NaN for blocks of 3 tokens or less.

    The mean over blocks of the sequence-level repetition of Welleck et al., 2020. Real text has some: what matters is the
    distance to generation 0.
    """
    tokens = inputs.synthetic["tokens"].long()
    if tokens.shape[1] < REPEATED:
        return float("nan")
    # Four tokens do not fit a 64-bit code, so each pair of tokens is numbered first, and then the pairs of pairs.
    pairs = _numbered(torch.stack([tokens[:, :-1], tokens[:, 1:]], -1))
    fours = _numbered(torch.stack([pairs[:, :-2], pairs[:, 2:]], -1)).sort(dim=1).values
    return float((fours[:, 1:] == fours[:, :-1]).double().sum() / fours.numel())


def _numbered(pairs: Tensor) -> Tensor:
    """Number the distinct pairs (..., 2) of integers below 2^31: int64 (...)."""
    numbers: Tensor = torch.unique((pairs[..., 0] << 32) | pairs[..., 1], return_inverse=True)[1]
    return numbers


def entropy_gap(inputs: MetricInputs) -> float:
    """Return the entropy of synthetic token frequencies minus that of the real test split, in bits per token.

    Below 0 where the text narrows, above 0 where it drifts towards noise. A sample's entropy is a little below its law's.
    """
    real = inputs.once("entropy", lambda: _entropy(count(inputs.real["tokens"], 1)))
    return _entropy(count(inputs.synthetic["tokens"], 1)) - real


def _entropy(text: Counts) -> float:
    p = text.frequencies()
    return float(-(p * p.log2()).sum())


def vocabulary_share(inputs: MetricInputs) -> float:
    """Return the share of the distinct tokens of the real test split that occur in the synthetic text, in [0, 1]."""
    real = inputs.once("vocabulary", lambda: torch.unique(inputs.real["tokens"]))
    return _share_present(real, inputs.synthetic["tokens"])


def rare_token_survival(inputs: MetricInputs) -> float:
    """Return the share of the rare real tokens that still occur in the synthetic text, in [0, 1].

    Of the tokens of the training pool that a sample of this size is expected to hold at least 5 times, the rare ones are the
    least frequent, together 5 % of the pool, and at least one. NaN where N T is too small for any.
    """
    tokens = inputs.synthetic["tokens"]
    key = f"rare_{tokens.numel()}"
    rare = inputs.once(key, lambda: rare_tokens(count(inputs.splits.train["tokens"], 1), tokens.numel()))
    return _share_present(rare, tokens) if len(rare) else float("nan")


def rare_tokens(pool: Counts, size: int) -> Tensor:
    """Return the rare tokens of a pool, rarest first, int64 (K,); see `rare_token_survival`.

    Args:
        pool: The counts of its K or more tokens.
        size: The tokens of a sample, N T, which is to be expected to hold each of them at least 5 times.
    """
    frequency = pool.frequencies()
    order = frequency.argsort(stable=True)
    order = order[frequency[order] * size >= LEAST_EXPECTED]
    within_mass = int((frequency[order].cumsum(0) <= RARE).sum())
    return pool.codes[order[: max(within_mass, 1)]]


def _share_present(wanted: Tensor, tokens: Tensor) -> float:
    return float(torch.isin(wanted, torch.unique(tokens).to(wanted.dtype)).double().mean())


def _distinct(inputs: MetricInputs, n: int) -> float:
    """Return distinct n-grams over all n-grams (Li et al., 2016), in (0, 1]; NaN where blocks are shorter than n."""
    ngrams = count(inputs.synthetic["tokens"], n)
    return len(ngrams.codes) / int(ngrams.counts.sum()) if len(ngrams.codes) else float("nan")


distinct_1 = partial(_distinct, n=1)
distinct_2 = partial(_distinct, n=2)
distinct_3 = partial(_distinct, n=3)
