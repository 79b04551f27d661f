"""Metrics of texts: against closed forms and independent libraries, and their invariants."""

import math
from collections import Counter
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import jensenshannon
from scipy.stats import entropy
from torch import Tensor
from torchmetrics.text import Perplexity

from fortifai.contract.metric import Metric
from fortifai.contract.metric_inputs import MetricInputs
from fortifai.contract.modality import Likelihood
from fortifai.contract.samples import Samples, Splits
from fortifai.fidelity.rule import parse_rule
from fortifai.modalities.text.metrics import diversity, likelihood, ngrams
from fortifai.modalities.text.metrics.declared import METRICS
from fortifai.randomness import stream

BY_NAME = {metric.name: metric for metric in METRICS}
PLAIN = [metric for metric in METRICS if "model" not in metric.reads and metric.by_default]
DISTANCES = ["unigram_js", "bigram_js", "trigram_js"]
BLOCKS = st.lists(st.lists(st.integers(0, 6), min_size=5, max_size=5), min_size=1, max_size=8)


@dataclass
class Table:
    """An adapter whose model is a table of log-probabilities of the next token, (V, V)."""

    splits: Splits
    passes: int = 0
    density: ClassVar[bool] = False
    implicit: ClassVar[bool] = False

    def likelihood(self, model: Tensor, samples: Samples) -> Likelihood:
        self.passes += 1
        tokens = samples["tokens"].long()
        nll = -model[tokens[:, :-1], tokens[:, 1:]]
        return Likelihood(nll, torch.exp(-nll))


def text(n: int, purpose: str, vocabulary: int = 50, length: int = 16) -> Tensor:
    """Tokens with frequencies that fall as 1 / rank, int32 (n, length)."""
    weights = 1 / torch.arange(1, vocabulary + 1, dtype=torch.float64)
    drawn = torch.multinomial(weights, n * length, replacement=True, generator=stream(purpose))
    return drawn.reshape(n, length).int()


def inputs(real: Tensor, synthetic: Tensor, pool: Tensor | None = None, model: Tensor | None = None) -> MetricInputs:
    train = Samples.real(tokens=real if pool is None else pool)
    adapter = Table(Splits(train, train, Samples.real(tokens=real)))
    return MetricInputs(adapter, Samples.synthetic({"tokens": synthetic}, 0), model)  # type: ignore[arg-type]


def value(name: str, real: Tensor, synthetic: Tensor, pool: Tensor | None = None) -> float:
    return BY_NAME[name].function()(inputs(real, synthetic, pool))


def counted(tokens: Tensor, n: int) -> Counter[tuple[int, ...]]:
    """The n-grams of every block, the slow way."""
    return Counter(tuple(row[i : i + n]) for row in tokens.tolist() for i in range(len(row) - n + 1))


def vectors(a: Tensor, b: Tensor, n: int) -> tuple[np.ndarray, np.ndarray]:
    one, two = counted(a, n), counted(b, n)
    union = sorted(one | two)
    return np.array([one[gram] for gram in union], float), np.array([two[gram] for gram in union], float)


@pytest.mark.parametrize("metric", PLAIN, ids=lambda metric: metric.name)
def test_every_metric_stays_in_its_range_whatever_the_sample(metric: Metric) -> None:
    real = text(400, "real")
    noise = torch.randint(1 << 20, (300, 16), dtype=torch.int32, generator=stream("noise"))
    for synthetic in (text(300, "other"), noise, real[:1].repeat(300, 1), torch.zeros(300, 16, dtype=torch.int32)):
        low, high = metric.valid
        assert low <= metric.function()(inputs(real, synthetic)) <= high


@pytest.mark.parametrize("metric", PLAIN, ids=lambda metric: metric.name)
def test_every_metric_is_a_function_of_its_inputs_and_of_no_order(metric: Metric) -> None:
    real, synthetic = text(100, "real"), text(80, "other")
    assert value(metric.name, real, synthetic) == pytest.approx(value(metric.name, real, synthetic.flip(0)))


@pytest.mark.parametrize("name", DISTANCES)
@settings(max_examples=40, deadline=None)
@given(BLOCKS, BLOCKS)
def test_a_distance_of_n_grams_is_scipys(name: str, a: list[list[int]], b: list[list[int]]) -> None:
    one, two = torch.tensor(a, dtype=torch.int32), torch.tensor(b, dtype=torch.int32)
    reference = jensenshannon(*vectors(one, two, DISTANCES.index(name) + 1), base=2)
    assert value(name, one, two) == pytest.approx(reference, abs=1e-7)
    assert value(name, one, two) == pytest.approx(value(name, two, one), abs=1e-7)
    assert value(name, one, one) == 0


@pytest.mark.parametrize("name", DISTANCES)
def test_texts_with_nothing_in_common_are_at_distance_one(name: str) -> None:
    assert value(name, text(20, "a"), text(20, "b") + 1000) == pytest.approx(1)


def test_tokens_of_the_largest_vocabularies_are_not_confused() -> None:
    largest = 2**ngrams.BITS - 1
    tokens = torch.tensor([[largest, 0, largest, 1]], dtype=torch.int32)
    assert len(ngrams.count(tokens, 3).codes) == len(counted(tokens, 3)) == 2
    assert int(ngrams.count(tokens, 3).codes.min()) >= 0


def test_unigram_kl_is_scipys_with_unseen_frequencies_raised() -> None:
    pool, synthetic = text(300, "pool", 60), text(200, "synthetic", 80)
    p, q = vectors(synthetic, pool, 1)
    p, q = (np.maximum(counts / counts.sum(), 1e-10) for counts in (p, q))
    assert value("unigram_kl", text(5, "test"), synthetic, pool) == pytest.approx(entropy(p, q), rel=1e-6)
    assert value("unigram_kl", pool, pool) == 0


def test_a_token_that_real_text_lacks_costs_more_than_one_that_was_lost() -> None:
    wide, narrow = text(300, "wide", 60), text(300, "wide", 60).clamp_max(40)
    assert value("unigram_kl", narrow, wide) > 5 * value("unigram_kl", wide, narrow)


def test_n_grams_do_not_cross_the_seam_between_blocks() -> None:
    one, two = torch.tensor([[1, 2], [3, 4]]), torch.tensor([[3, 4], [1, 2]])
    assert value("bigram_js", one, two) == 0
    assert value("distinct_2", one, torch.tensor([[1, 2], [1, 2]])) == 0.5


@pytest.mark.parametrize("n", [1, 2, 3])
def test_distinct_counts_distinct_n_grams(n: int) -> None:
    tokens = text(50, "distinct")
    grams = counted(tokens, n)
    assert value(f"distinct_{n}", tokens, tokens) == pytest.approx(len(grams) / grams.total())
    assert value(f"distinct_{n}", tokens, torch.zeros(10, 12)) == pytest.approx(1 / (10 * (13 - n)))


@settings(max_examples=40, deadline=None)
@given(st.lists(st.lists(st.integers(0, 2), min_size=9, max_size=9), min_size=1, max_size=6))
def test_repetition_is_one_minus_the_distinct_share_of_each_block(blocks: list[list[int]]) -> None:
    tokens = torch.tensor(blocks, dtype=torch.int32)
    reference = np.mean([1 - len(counted(row[None], 4)) / 6 for row in tokens])
    assert value("repetition_rate", tokens, tokens) == pytest.approx(reference, abs=1e-12)


def test_repetition_of_counting_is_none_and_of_one_token_nearly_all() -> None:
    assert value("repetition_rate", text(3, "real"), torch.arange(60).reshape(2, 30)) == 0
    assert value("repetition_rate", text(3, "real"), torch.full((2, 30), 7)) == pytest.approx(26 / 27)


def test_the_entropy_gap_is_signed_and_in_bits() -> None:
    four, two = torch.tensor([[0, 1, 2, 3]]), torch.tensor([[0, 0, 1, 1]])
    assert value("entropy_gap", four, two) == pytest.approx(-1)
    assert value("entropy_gap", two, four) == pytest.approx(1)
    real, synthetic = text(100, "real"), text(90, "other")
    bits = [entropy(list(counted(tokens, 1).values()), base=2) for tokens in (synthetic, real)]
    assert value("entropy_gap", real, synthetic) == pytest.approx(bits[0] - bits[1])


def test_the_share_of_the_vocabulary_counts_types_and_no_strangers() -> None:
    real = torch.tensor([[0, 1, 2, 3, 3, 3]])
    assert value("vocabulary_share", real, torch.tensor([[3, 2, 9, 9]])) == 0.5
    assert value("vocabulary_share", real, real) == 1


def test_rare_tokens_are_the_least_frequent_that_can_be_expected() -> None:
    # Of 1,000 tokens: 7 occurs once, 5 and 6 twenty times each, 4 thirty times, 0 all the rest.
    counts = ngrams.Counts(torch.tensor([0, 4, 5, 6, 7]), torch.tensor([929, 30, 20, 20, 1]))
    assert diversity.rare_tokens(counts, 1000).tolist() == [5, 6]  # 7 is expected once only; with 4 they would hold 7 %
    assert diversity.rare_tokens(counts, 10_000).tolist() == [7, 5, 6]
    assert diversity.rare_tokens(counts, 170).tolist() == [4]
    assert diversity.rare_tokens(counts, 5).tolist() == []


def test_rare_token_survival_sees_the_lost_tail_and_nothing_else() -> None:
    pool = text(4000, "pool", 200)
    clipped = torch.where(pool > 150, 0, pool)
    assert value("rare_token_survival", pool, text(3000, "faithful", 200), pool) > 0.98
    assert value("rare_token_survival", pool, clipped, pool) < 0.5
    assert value("rare_token_survival", pool, torch.where(pool < 50, 0, pool), pool) == 1
    assert math.isnan(value("rare_token_survival", pool, pool[:1, :4], pool))


def test_blocks_that_are_too_short_have_no_value() -> None:
    short = torch.tensor([[1, 2]])
    assert all(math.isnan(value(name, short, short)) for name in ("trigram_js", "distinct_3", "repetition_rate"))
    assert value("bigram_js", short, short) == 0


def test_perplexity_is_that_of_torchmetrics_from_logits() -> None:
    model = torch.randn(50, 50, generator=stream("model")).log_softmax(-1)
    real = text(30, "real")
    reference = Perplexity()(model[real[:, :-1].long()], real[:, 1:].long())
    assert likelihood.perplexity(inputs(real, text(20, "own"), model=model)) == pytest.approx(float(reference), rel=1e-5)


def test_an_infinite_likelihood_is_an_infinite_perplexity() -> None:
    real = torch.tensor([[0, 0]])
    assert likelihood.perplexity(inputs(real, real, model=torch.tensor([[-1e5]]))) == math.inf


def test_perplexity_can_be_a_rule() -> None:
    assert str(parse_rule("perplexity>60"))


def test_the_likelihood_gap_is_own_minus_real_and_asks_the_model_once() -> None:
    model = torch.tensor([[0.25, 0.75], [1.0, 0.0]]).log()
    generation = inputs(torch.tensor([[0, 0, 0]]), torch.tensor([[0, 1, 0]]), model=model)
    assert likelihood.nll_gap(generation) == pytest.approx(-math.log(0.75) / 2 + math.log(0.25))
    assert likelihood.perplexity(generation) == pytest.approx(4)
    assert generation.adapter.passes == 2  # type: ignore[attr-defined]
