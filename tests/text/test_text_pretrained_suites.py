"""Suites of pretrained models: planned anywhere, refused where something is missing, and run on tiny models of the same class."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (
    Gemma3ForCausalLM,
    Gemma3TextConfig,
    GenerationConfig,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
)

import fortifai
from fortifai.errors import UserError
from fortifai.modalities.text.config import Training
from fortifai.planning.chains import Selection
from fortifai.planning.plan import make_plan
from fortifai.planning.suite_file import load_suite
from fortifai.recursion import strategies

CLASSES = ("paper-llama", "paper-gemma")
PAPER = (*CLASSES, "paper-imagination", "paper-scale")

NOUNS = ("ship", "river", "castle", "king", "garden", "mountain", "letter", "teacher", "bridge", "winter")
VERBS = ("found", "crossed", "left", "described", "built", "remembered", "painted", "followed")


TASK = """
task: tiny
dataset_path: json
dataset_kwargs: {{data_files: {{test: {data}}}}}
test_split: test
output_type: multiple_choice
doc_to_text: "{{{{context}}}}"
doc_to_choice: "{{{{choices}}}}"
doc_to_target: "{{{{label}}}}"
metric_list: [{{metric: acc, aggregation: mean, higher_is_better: true}}]
"""


def sentence(i: int) -> str:
    one, other = NOUNS[i % len(NOUNS)], NOUNS[(3 * i + 1) % len(NOUNS)]
    return f"The {one} {VERBS[i % len(VERBS)]} the {other} in the year {1800 + 7 * i % 200} ."


@pytest.fixture(scope="module")
def text(tmp_path_factory) -> Path:
    """A folder like that of WikiText-2, with another text, and a little of all that the paper measures and mixes it with."""
    folder = tmp_path_factory.mktemp("wikitext")
    for name, start, lines in (("train", 0, 300), ("valid", 300, 60), ("test", 360, 60)):
        (folder / f"wiki.{name}.raw").write_text("\n".join(sentence(i) for i in range(start, start + lines)) + "\n")
    items = [
        {"context": sentence(i), "sentence_true": sentence(i + 1), "sentence_false": sentence(i + 2), "location": i}
        for i in range(12)
    ]
    (folder / "kr.json").write_text(json.dumps(items))
    pairs = [{"sentence_good": sentence(i), "sentence_bad": sentence(i).replace("The", "the of")} for i in range(5)]
    situations = [{"ctx": sentence(i), "endings": [" No.", f" {sentence(i + 1)}"], "label": "1"} for i in range(24)]
    sums = [{"question": f"What is {i} and {i}?", "answer": f"It is\n#### {2 * i}"} for i in range(24)]
    choices = [{"context": sentence(i), "choices": [sentence(i + 1), "no"], "label": 0} for i in range(6)]
    for name, records in {
        "adjunct_island": pairs, "causative": pairs[::-1], "hellaswag": situations, "gsm8k": sums, "task": choices
    }.items():  # fmt: skip
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    (folder / "task.yaml").write_text(TASK.format(data=folder / "task.jsonl"))
    return folder


@pytest.fixture(scope="module")
def tiny(tmp_path_factory, text) -> dict[str, Path]:
    """Random models of the classes that Llama-3.2-1B and Gemma-3-1b are of, each with a trained tokenizer, by suite."""
    encoder = Tokenizer(models.BPE())
    encoder.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    encoder.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=300, special_tokens=["<bos>"], initial_alphabet=alphabet, show_progress=False)
    encoder.train([str(text / "wiki.train.raw")], trainer)
    shape: dict[str, Any] = {
        "vocab_size": 300, "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2,
        "num_key_value_heads": 1, "head_dim": 16, "max_position_embeddings": 256, "bos_token_id": 0, "tie_word_embeddings": True,
    }  # fmt: skip
    layers = ["sliding_attention", "full_attention"]
    gemma = Gemma3TextConfig(**shape, sliding_window=16, layer_types=layers, query_pre_attn_scalar=16)
    folders = {}
    for name, cls, config in zip(CLASSES, (LlamaForCausalLM, Gemma3ForCausalLM), (LlamaConfig(**shape), gemma), strict=True):
        torch.manual_seed(0)
        folders[name] = tmp_path_factory.mktemp(name)
        network = cls(config)
        network.generation_config = GenerationConfig(do_sample=True, temperature=0.6, top_p=0.9, bos_token_id=0)
        network.save_pretrained(folders[name])
        PreTrainedTokenizerFast(tokenizer_object=encoder, bos_token="<bos>").save_pretrained(folders[name])
    return folders


def settings(model: Path, text: Path) -> list[str]:
    """Settings that make a suite of the paper small: a tiny model, a short text, and no GPU; training and decoding stay."""
    small = {
        "gpu": "false", "model.pretrained": model, "data.source": text, "data.kr_test": text / "kr.json", "data.block": 64,
        "data.blimp": text, "data.most_held_out": 8, "model.training.epochs": 2, "n": 6, "sampling.new_tokens": 16,
        "sampling.context": 96,
    }  # fmt: skip
    return [f"{key}={value}" for key, value in small.items()]


ONE_AFTER_ANOTHER = """
import contextlib, io, json, sys
from fortifai.cli import main
for words in json.loads(sys.argv[1]):
    sys.argv, out, err, code = ["fortifai", *words], io.StringIO(), io.StringIO(), 0
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            main()
        except SystemExit as end:
            code = end.code or 0
    print(json.dumps([code, out.getvalue(), err.getvalue()]))
"""


def command_line(*words: object, **environment: str) -> subprocess.CompletedProcess[str]:
    (ended,) = command_lines(words, **environment)
    return ended


def command_lines(*commands: Sequence[object], **environment: str) -> list[subprocess.CompletedProcess[str]]:
    """Run commands one after another in one process, and return how each ended."""
    typed = [list(map(str, words)) for words in commands]
    command = [sys.executable, "-P", "-c", ONE_AFTER_ANOTHER, json.dumps(typed)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=300, env={**os.environ, **environment}, check=True)
    answers = map(json.loads, ended.stdout.splitlines())
    return [subprocess.CompletedProcess(words, *answer) for words, answer in zip(typed, answers, strict=True)]


@pytest.mark.parametrize("name", PAPER)
def test_a_suite_has_the_settings_of_the_paper(name):
    (regime,) = load_suite(name).regimes
    assert load_suite(name).rule == "kr_test_fraction_0<0.75"
    training: Training = regime.model.training
    assert (training.learning_rate, training.batch, training.block, training.epochs) == (2e-5, 64, None, 10)
    assert (training.keep, training.weight_decay, training.clip, training.first_token) == ("kr_test", 0, "none", False)
    assert (regime.model.precision, regime.data.block, regime.data.order) == ("float32", 128, "corpus")
    decoding = regime.sampling
    assert (decoding.beams, decoding.repetition_penalty, decoding.new_tokens, decoding.context) == (5, 3.0, 32, 512)
    assert decoding.do_sample == "model"
    assert (regime.start, regime.n, regime.gpu) == ("warm", "pool/6", True)
    assert {f"kr_test_fraction_{i}" for i in range(6)} | {"kr_test_upto_stage"} < set(regime.metrics)
    assert {"ce", "tce:gamma=0.9", "tce:gamma=0.99"} <= set(regime.objectives)


@pytest.mark.parametrize("name", ["paper-llama", "paper-gemma", "paper-imagination"])
def test_a_suite_has_the_protocol_and_the_objectives_of_the_paper(name):
    (regime,) = load_suite(name).regimes
    assert {"fresh-mix:k=6", "replace", "control"} == set(regime.strategies)
    assert regime.generations == 5
    assert {"focal:gamma=2", "tce-adaptive:alpha=1"} <= set(regime.objectives)


def test_the_sweep_of_the_synthetic_share_weighs_all_samples_alike():
    (regime,) = load_suite("paper-scale").regimes
    shares = []
    for name in regime.strategies:
        strategy = strategies.resolve(name)
        if strategy.name == "weighted":
            n = 600
            assert strategy.real / strategy.fresh(n, 1) == pytest.approx((1 - strategy.real) / n)
            shares.append(n / strategy.training_size(n, 1))
    assert shares == pytest.approx([1 / 2, 1 / 3, 1 / 4, 1 / 6])


def records_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for file in path.glob("*/generations.jsonl") for line in file.read_text().splitlines()]


@pytest.mark.parametrize("name", PAPER)
def test_a_suite_of_the_paper_runs_end_to_end_on_a_tiny_model_of_the_class(name, tiny, text, tmp_path):
    strategy = "weighted:ratio=2,real=0.6666666666666666" if name == "paper-scale" else "fresh-mix:k=6"
    (regime,) = load_suite(name).regimes
    own_task = f"lm-eval-last:{text / 'task.yaml'}"
    metrics = [metric for metric in regime.metrics if not metric.startswith("lm-eval")]
    metrics += [own_task] if name == "paper-llama" else []  # the harness takes ten seconds to import
    small = [*settings(tiny.get(name, tiny["paper-llama"]), text), f"metrics={json.dumps(metrics)}"]
    small += [f"data.mix={text}"] if name == "paper-imagination" else []
    result = fortifai.run(
        name, tmp_path, settings=small, quiet=True, executor="in-process", seeds=1, generations=1,
        objectives=["tce:gamma=0.9"], strategies=[strategy],
    )  # fmt: skip
    records = records_of(result.path)
    assert [record["generation"] for record in records] == [0, 1, 0, 1]
    size = 3 * 6 if name == "paper-scale" else 2 * 6
    assert [record["training"]["size"] for record in records] == [6, size] * 2
    # two epochs of blocks of 64 tokens, the first of which is only read
    assert [record["notes"]["training_tokens"] for record in records] == [2 * 6 * 63, 2 * size * 63] * 2
    for record in records:
        measured = record["metrics"]
        assert all(0 <= measured[metric] <= 1 for metric in metrics if metric.startswith(("kr_test", "blimp", "lm-eval")))
        low, value, high = (measured[f"kr_test_{end}"] for end in ("low", "accuracy", "high"))
        assert 0 <= low < value <= high or low <= value < high
        # 12 items, two for each fraction, and one more fraction with every stage
        assert np.mean([measured[f"kr_test_fraction_{i}"] for i in range(6)]) == pytest.approx(value)
        upto = [measured[f"kr_test_fraction_{i}"] for i in range(record["generation"] + 1)]
        assert measured["kr_test_upto_stage"] == pytest.approx(np.mean(upto))
        # the same pairs in another order
        assert measured["blimp:adjunct_island"] == measured["blimp:causative"]
    assert {row.objective for row in fortifai.score(result.path).rows} == {"ce", "tce:gamma=0.9"}


def test_the_suite_of_a_laptop_runs_end_to_end_on_a_tiny_model(tiny, text, tmp_path):
    result = fortifai.run(
        "text-smollm2", tmp_path, settings=settings(tiny["paper-llama"], text), quiet=True, executor="in-process",
        seeds=1, generations=1, objectives=["tce:gamma=0.9"], strategies=["fresh-mix:k=6"],
    )  # fmt: skip
    records = records_of(result.path)
    assert [record["training"]["size"] for record in records] == [6, 12] * 2
    assert [record["notes"]["training_tokens"] for record in records] == [2 * 6 * 64, 2 * 12 * 64] * 2
    assert all(0 <= record["metrics"]["bigram_js"] <= 1 for record in records)


def test_a_run_without_what_it_needs_stops_at_once_and_names_all_of_it(tmp_path):
    environment = {"HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path / "hub"), "CUDA_VISIBLE_DEVICES": ""}
    words = "paper-llama", "--out", tmp_path / "runs"
    planned, ran = command_lines(("plan", *words, "--json"), ("run", *words), **environment)
    assert planned.returncode == 0, planned.stderr
    answer = json.loads(planned.stdout)
    assert len(answer["chains"]) == 3 * 3 * 5
    assert {(chain["id"], chain["state"]) for chain in answer["chains"]} == {(None, "unavailable")}
    assert answer["estimate"]["seconds"] > 500 * 3600
    assert answer["needs"] == [
        "a CUDA GPU",
        "the text WikiText-2 (raw)",
        "the model meta-llama/Llama-3.2-1B",
        "KR-test items for the text wikitext-2",
        "BLiMP",
    ]
    assert [line.split(": ")[0] for line in answer["missing"]] == answer["needs"]
    for line, remedy in zip(
        answer["missing"], ("--set gpu=false", "data.source", "HF_TOKEN", "data.kr_test", "data.blimp"), strict=True
    ):
        assert remedy in line
    assert (ran.returncode, ran.stdout) == (2, "")
    first, *lines = ran.stderr.splitlines()
    assert first == "fortifai: suite paper-llama cannot run on this machine, which lacks:"
    assert [line.strip() for line in lines] == answer["missing"]
    assert not (tmp_path / "runs").exists()


def plan(name: str, *settings_: str) -> None:
    """Plan a suite in this process, as `run` does before it writes anything."""
    make_plan(load_suite(name, settings_), Selection()).require_needs()


@pytest.mark.parametrize("name", CLASSES)
def test_a_model_whose_vocabulary_is_too_small_for_its_tokenizer_is_refused(name, tiny, text, tmp_path):
    folder = tmp_path / "model"
    shutil.copytree(tiny[name], folder)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "vocab_size": 200}))
    with pytest.raises(UserError, match="model: the model knows 200 tokens and its tokenizer has 300: they do not match"):
        plan(name, *settings(folder, text))


def test_training_sequences_that_do_not_fill_a_block_are_refused(tiny, text):
    with pytest.raises(UserError, match=r"data\.block = 64 cannot be cut into training sequences of model\.training\.block = 24"):
        plan("paper-llama", *settings(tiny["paper-llama"], text), "model.training.block=24")


def test_items_of_a_kr_test_that_are_wrong_are_refused_before_anything_is_trained(tiny, text, tmp_path):
    (items := tmp_path / "kr.json").write_text('[{"context": "a", "sentence_true": "b", "location": 0}]')
    with pytest.raises(UserError, match=r"kr.json: item 1 \(line 1\): sentence_false: is required"):
        plan("paper-llama", *settings(tiny["paper-llama"], text), f"data.kr_test={items}")


@pytest.mark.parametrize(
    ("metric", "message"),
    [("kr_test_accuracy", "no KR-test comes with the text"), ("lm-eval:none.yaml", "none.yaml: no such task file")],
)
def test_a_metric_that_cannot_be_measured_is_refused_before_anything_is_trained(tiny, text, metric, message):
    small = [setting for setting in settings(tiny["paper-llama"], text) if not setting.startswith("data.kr_test")]
    with pytest.raises(UserError, match=message):
        plan("paper-llama", *small, "model.training.keep=last", f'metrics=["{metric}", "bigram_js"]', "fidelity_metric=bigram_js")


@pytest.mark.parametrize("name", ["/no/folder", "./folder", "~/folder", "a/b/c"])
def test_a_path_with_nothing_there_is_called_a_folder(name, text):
    with pytest.raises(UserError, match=f"model.pretrained '{name}': no such folder"):
        plan("text-smollm2", *settings(Path(name), text), f"model.pretrained={name}")


STARVED = '''
import torch
from dataclasses import replace
from fortifai.modalities.text import declaration as text
from fortifai.modalities.text.adapter import LanguageModelAdapter

class Starved(LanguageModelAdapter):
    """Asks for more memory than there is when it trains under the focal loss."""

    def fit(self, samples, objective, *rest):
        if objective.name == "focal":
            torch.empty(2**52, dtype=torch.uint8)
        return super().fit(samples, objective, *rest)

declaration = replace(text, name="starved", adapter="starved:Starved")
'''


def test_a_chain_that_runs_out_of_memory_is_marked_and_the_others_go_on(tiny, text, tmp_path):
    (plugin := tmp_path / "plugin").mkdir()
    (plugin / "starved.py").write_text(STARVED)
    (info := plugin / "starved-1.0.dist-info").mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: starved\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[fortifai.modalities]\nstarved = starved:declaration\n")
    words = [
        *(f"--set={s}" for s in settings(tiny["paper-llama"], text)),
        '--set=metrics=["kr_test_fraction_0"]',
        "--set=modality=starved",
        "--seeds",
        1,
        "--generations",
        1,
    ]
    words += ["--strategy", "replace", "--objective", "focal:gamma=2", "--objective", "tce:gamma=0.9"]
    out = tmp_path / "runs"
    ran = command_line("run", "paper-llama", "--out", out, *words, "--executor", "in-process", PYTHONPATH=str(plugin))
    assert ran.returncode == 1
    assert "1 of 3 chains did not finish" in ran.stderr
    assert "paper replace focal:gamma=2 seed 0: out of memory: " in ran.stderr
    (run,) = out.iterdir()
    chains = {json.loads(file.read_text())["objective"]: file.parent for file in run.glob("*/chain.json")}
    assert {name: (folder / "failure.json").exists() for name, folder in chains.items()} == {
        "ce": False, "focal:gamma=2": True, "tce:gamma=0.9": False,
    }  # fmt: skip
    for name in ("ce", "tce:gamma=0.9"):
        assert len((chains[name] / "generations.jsonl").read_text().splitlines()) == 2
