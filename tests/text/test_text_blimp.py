"""BLiMP by the authors' score: what is read, what is refused, and that the score is a mean over the shorter sentence."""

import json
from pathlib import Path

import pytest
import torch

from fortifai import metrics
from fortifai.contract.declaration import modalities
from fortifai.contract.metric_inputs import MetricInputs
from fortifai.errors import UserError
from fortifai.modalities.text.adapter import LanguageModelAdapter
from fortifai.modalities.text.config import LanguageModelConfig, TextData
from fortifai.modalities.text.kr_test.blimp import read
from fortifai.modalities.text.needs import needs_of

PAIRS = [
    {"sentence_good": "the 3 sheep went up", "sentence_bad": "up went sheep 3 the hill of"},
    {"sentence_good": "folds of the hill", "sentence_bad": "the"},
    {"sentence_good": "q", "sentence_bad": "the 4 sheep of the 2 folds"},
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "causative.jsonl").write_text("\n".join(json.dumps({**pair, "UID": "causative"}) for pair in PAIRS))
    return tmp_path


def accuracy(adapter, model, folder) -> float:
    bound = LanguageModelAdapter(adapter.config, adapter.data.model_copy(update={"blimp": str(folder)}))
    metric = metrics.find(modalities.get("text"), "blimp:causative")
    metric.require(bound)
    return metrics.measure(metric, MetricInputs(bound, bound.splits.test, model))


def test_a_pair_is_right_by_the_mean_over_the_length_of_the_shorter_sentence(fitted, folder):
    adapter, model = fitted
    right = 0
    for pair in PAIRS:
        good, bad = (torch.tensor([adapter.tokenizer.encode(pair[key])]) for key in ("sentence_good", "sentence_bad"))
        shorter = min(good.shape[1], bad.shape[1])
        one, other = (float(adapter.token_nll(model, tokens)[:, :shorter].mean()) for tokens in (good, bad))
        right += one < other
    assert accuracy(adapter, model, folder) == pytest.approx(right / len(PAIRS))
    assert 0 < right < len(PAIRS)


@pytest.mark.parametrize(
    ("where", "subset", "message"),
    [
        (None, "causative", "set data.blimp to hub, or to a folder"),
        ("here", "adjunct_island", r"no file '.*adjunct_island.jsonl'"),
        ("here", "../causative", "a subset has a name such as adjunct_island"),
    ],
)
def test_a_subset_that_is_not_there_is_refused(folder, where, subset, message):
    with pytest.raises(UserError, match=message):
        read(where and str(folder), subset)


def test_a_pair_that_is_none_is_refused(folder):
    (folder / "causative.jsonl").write_text(json.dumps({"sentence_good": "a", "sentence_bad": "a"}))
    with pytest.raises(UserError, match=r"causative.jsonl: pair 1: .*are the same"):
        read(str(folder), "causative")


def test_blimp_of_the_hub_is_among_what_is_needed(monkeypatch):
    monkeypatch.setattr("fortifai.modalities.text.hub.reachable", lambda: False)
    monkeypatch.setattr("fortifai.modalities.text.hub.huggingface_hub.hf_hub_download", absent)
    (need,) = needs_of(LanguageModelConfig(), TextData(blimp="hub"))
    assert need.what == "BLiMP"
    assert "data.blimp" in str(need.missing)


def absent(*_: object, **__: object) -> str:
    from huggingface_hub.errors import LocalEntryNotFoundError

    raise LocalEntryNotFoundError("not here")
