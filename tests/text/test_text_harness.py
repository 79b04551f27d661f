"""Tasks of the lm-evaluation-harness on a small model, offline, from a task file and its data."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from fortifai import metrics
from fortifai.contract.declaration import modalities
from fortifai.contract.metric_inputs import MetricInputs
from fortifai.errors import UserError
from fortifai.modalities.text.config import LanguageModelConfig
from fortifai.modalities.text.metrics import harness
from fortifai.modalities.text.model import network
from fortifai.modalities.text.model.network import LanguageModel
from fortifai.modalities.text.model.tokenizer import train_tokenizer

TASK = """
task: tiny
dataset_path: json
dataset_kwargs:
  data_files:
    test: {data}
test_split: test
output_type: multiple_choice
doc_to_text: "{{{{context}}}}"
doc_to_choice: "{{{{choices}}}}"
doc_to_target: "{{{{label}}}}"
target_delimiter: ""
metric_list:
  - metric: {metric}
    aggregation: {aggregation}
    higher_is_better: {rises}
"""
WORDS = ("and", "the", "king", "of", "bread", "sea", "went", "up", "to", "him", "said", "lord")
ITEMS = [
    {"context": " ".join(WORDS[: i % 5]), "choices": [WORDS[(i * k) % 12] * (1 + k % 2) for k in (1, 5, 7)], "label": i % 3}
    for i in range(24)
]


@pytest.fixture(scope="module")
def model() -> LanguageModel:
    config = LanguageModelConfig(vocabulary=256, hidden_size=16, intermediate_size=16, layers=1, heads=2)
    model = network.initial_model(config, train_tokenizer(" ".join(WORDS), 256), 60, 0)
    with torch.no_grad():  # so that what stands before a token matters
        for parameter in model.network.parameters():
            parameter.mul_(8)
    return model


@pytest.fixture
def task(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path / "cache")

    def task(metric: str = "acc", aggregation: str = "mean", rises: str = "true") -> str:
        data = tmp_path / "tiny.jsonl"
        data.write_text("".join(json.dumps(item) + "\n" for item in ITEMS))
        path = tmp_path / "tiny.yaml"
        path.write_text(TASK.format(data=data, metric=metric, aggregation=aggregation, rises=rises))
        return str(path)

    return task


def inputs(model: LanguageModel) -> MetricInputs:
    return MetricInputs(SimpleNamespace(), SimpleNamespace(), model)  # type: ignore[arg-type]


def score(model: LanguageModel, context: str, choice: str) -> float:
    """Sum of the log-probabilities of a choice's tokens after the begin token and the context."""
    before, tokens = len(model.tokenizer.encode(context)), model.tokenizer.encode(context + choice)
    return -float(network.token_nll(model, torch.tensor([tokens]), 1)[0, before:].sum())


def test_a_task_file_is_scored_as_by_the_likelihoods_of_the_model(model, task):
    metric = metrics.find(modalities.get("text"), f"lm-eval:{task()}")
    right = [
        max(range(3), key=lambda k, item=item: score(model, item["context"], item["choices"][k])) == item["label"]
        for item in ITEMS
    ]
    assert 0 < sum(right) < len(ITEMS)
    assert metric.function()(inputs(model)) == pytest.approx(sum(right) / len(ITEMS))


def test_the_global_generators_and_the_tokenizer_are_left_alone(model, task):
    before, path = (torch.get_rng_state(), model.tokenizer.encoder.to_str()), task()
    generation = inputs(model)
    assert harness.lm_eval(generation, path) == harness.lm_eval(generation, path)
    assert torch.equal(torch.get_rng_state(), before[0])
    assert model.tokenizer.encoder.to_str() == before[1]


def absent(*_: object) -> None:
    raise ConnectionError("no hub")


def test_a_task_that_cannot_be_used_is_refused_with_the_reason(model, task, tmp_path, monkeypatch):
    with pytest.raises(UserError, match=r"none\.yaml: no such task file"):
        harness.load(str(tmp_path / "none.yaml"))
    with pytest.raises(UserError, match="perplexity, is better when lower"):
        harness.load(task("perplexity", "perplexity", "false"))
    with pytest.raises(UserError, match="did you mean 'hellaswag'"):
        harness.check(None, "helaswag")
    with monkeypatch.context() as unreachable:
        unreachable.setattr("lm_eval.tasks.TaskManager.load", absent)
        with pytest.raises(UserError, match="'lm-eval:hellaswag': the task cannot be loaded: ConnectionError: no hub"):
            harness.check(None, "hellaswag")
    path = task()
    harness.check(None, path)
    (tmp_path / "tiny.jsonl").unlink()
    with pytest.raises(UserError, match="the task cannot be loaded: FileNotFoundError"):
        harness.check(None, path)
