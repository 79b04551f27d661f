"""Distances of sentence embeddings: the formula against closed forms, and the encoder on real sentences."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import sqrtm
from torch import Tensor

from fortifai.contract.metric_inputs import MetricInputs
from fortifai.contract.samples import Samples, Splits
from fortifai.modalities.text.metrics import embedding
from fortifai.modalities.text.metrics.declared import METRICS
from fortifai.modalities.text.model.tokenizer import Tokenizer, train_tokenizer

BY_NAME = {metric.name: metric for metric in METRICS}
SUBJECTS = ("the king", "a shepherd", "the prophet", "his brother", "an angel", "the people")
VERBS = ("went up to", "dwelt in", "looked upon", "departed from", "gave gifts to", "wept over")
PLACES = ("the city", "the mountain", "the desert", "the great sea", "the house of bread", "the river")


TOKENIZER = train_tokenizer("abc", 256)


@dataclass
class Adapter:
    """An adapter, as far as a metric of embeddings reads it."""

    splits: Splits
    tokenizer: Tokenizer = TOKENIZER


def sentences(places: tuple[str, ...]) -> list[str]:
    return [f"And {subject} {verb} {place}." for place in places for verb in VERBS for subject in SUBJECTS]


def blocks(texts: list[str]) -> Tensor:
    longest = max(map(len, texts))
    return torch.tensor([TOKENIZER.encode(text.ljust(longest)) for text in texts], dtype=torch.int32)


def inputs(real: Tensor, synthetic: Tensor, cache: dict[str, Any] | None = None) -> MetricInputs:
    split = Samples.real(tokens=real)
    adapter = Adapter(Splits(split, split, split))
    return MetricInputs(adapter, Samples.synthetic({"tokens": synthetic}, 0), cache={} if cache is None else cache)  # type: ignore[arg-type]


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.integers(2, 5), st.integers(6, 40))
def test_the_distance_is_that_of_the_textbook_formula(seed: int, columns: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=(n, columns)), rng.normal(1, 2, size=(n + 3, columns))
    one, two = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    textbook = np.sum((a.mean(0) - b.mean(0)) ** 2) + np.trace(one + two - 2 * sqrtm(one @ two).real)
    assert embedding.frechet(a, b) == pytest.approx(np.sqrt(textbook), rel=1e-5)
    assert embedding.frechet(a, b) == pytest.approx(embedding.frechet(b, a), rel=1e-9)
    # The root of a nearly singular matrix is exact to the root of the machine's precision only; so is the squared distance.
    assert embedding.frechet(a, a) ** 2 == pytest.approx(0, abs=np.finfo(float).eps ** 0.5)
    assert embedding.frechet(a, a + 2) == pytest.approx(2 * np.sqrt(columns))


def test_a_sample_that_repeats_itself_has_a_distance_though_its_covariance_is_zero() -> None:
    a = np.random.default_rng(0).normal(size=(50, 4))
    point = np.tile(a.mean(0), (50, 1))
    assert embedding.frechet(a, point) == pytest.approx(np.sqrt(np.trace(np.cov(a, rowvar=False))))


@pytest.fixture(scope="module")
def measured() -> dict[str, tuple[float, float]]:
    """Both metrics of the same text, of half of its topics, and of one sentence alone, against one half of the text."""
    text = blocks(sentences(PLACES))
    real, other = text[::2], text[1::2]
    kinds = {"self": real, "other": other, "narrow": other[:18].repeat(6, 1), "lost": other[:1].repeat(108, 1)}
    cache: dict[str, Any] = {}
    values = {}
    for kind, synthetic in kinds.items():
        generation = inputs(real, synthetic, cache)
        values[kind] = tuple(BY_NAME[name].function()(generation) for name in ("embedding_frechet", "mauve"))
    return values


def test_the_distance_grows_as_the_text_narrows(measured: dict[str, tuple[float, float]]) -> None:
    distance = {kind: values[0] for kind, values in measured.items()}
    assert distance["self"] == pytest.approx(0, abs=1e-3)
    assert 0.001 < distance["other"] < distance["narrow"] < distance["lost"] < 2


def test_mauve_falls_as_the_text_narrows(measured: dict[str, tuple[float, float]]) -> None:
    score = {kind: values[1] for kind, values in measured.items()}
    assert score["self"] == pytest.approx(1, abs=1e-3)
    assert 1 >= score["other"] > score["narrow"] > score["lost"] > 0


def test_mauve_is_the_same_every_time_and_leaves_the_global_generators_alone() -> None:
    text = blocks(sentences(PLACES[:2]))
    np.random.seed(1)
    torch.manual_seed(1)
    before = (np.random.get_state()[1].copy(), torch.get_rng_state())
    one, two = (embedding.mauve(inputs(text[::2], text[1::2])) for _ in range(2))
    assert one == two
    assert (np.random.get_state()[1] == before[0]).all()
    assert torch.equal(torch.get_rng_state(), before[1])


def test_equal_blocks_are_embedded_alike_and_at_most_500() -> None:
    text = blocks(sentences(PLACES[:1])[:3])
    features = embedding.embed(Samples.real(tokens=text.repeat(300, 1)), TOKENIZER)
    assert features.shape == (500, 384)
    assert np.array_equal(features[0], features[3])
    assert np.linalg.norm(features, axis=1) == pytest.approx(np.ones(500))
