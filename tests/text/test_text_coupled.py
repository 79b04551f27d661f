"""A language model that is coupled from narrow ones: what it computes, what it costs, and that the default is what it was."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from text_support import BLOCK, BLOCKS, adapter_of, fit, weights
from torch.utils.flop_counter import FlopCounterMode

from fortifai import objectives
from fortifai.contract.samples import Samples
from fortifai.coupling.levels import divisors
from fortifai.coupling.settings import blocks_of
from fortifai.modalities.text.config import LanguageModelConfig
from fortifai.modalities.text.model import coupled, network
from fortifai.modalities.text.model.checkpoint import Progress
from fortifai.modalities.text.model.flops import forward_flops
from fortifai.modalities.text.model.network import LanguageModel
from fortifai.planning.suite_file import load_suite
from fortifai.randomness import stream

COUPLED = {"coupling": "block-diagonal:blocks=2"}


def counted(config: LanguageModelConfig, tokenizer: Any, length: int) -> int:
    """Count what a sequence costs, by torch; of its attentions it sees the plain one alone."""
    model = network.initial_model(config, tokenizer, length, 0).network
    model.set_attn_implementation("eager")
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(input_ids=torch.zeros(1, length, dtype=torch.long), use_cache=False)
    return counter.get_total_flops()


def test_one_block_is_the_dense_model_bit_for_bit(short_text: Path, fitted: tuple[object, LanguageModel]) -> None:
    one = fit(adapter_of(short_text, model={"coupling": "block-diagonal:blocks=1"}))
    assert torch.equal(weights(one.model), weights(fitted[1]))
    assert "narrow_tokens" not in one.notes


def test_a_model_coupled_of_equal_ones_says_what_they_say(short_text: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Then normalisation, which goes over all of them, is what it is in each."""
    adapter = adapter_of(short_text, model=COUPLED)
    config, tokenizer = adapter.config, adapter.tokenizer
    one, wide = (network.initial_model(own, tokenizer, BLOCK, 3) for own in (config.narrower(2), config))
    monkeypatch.setattr(coupled, "initial_model", lambda *_: one)
    monkeypatch.setattr(coupled, "train", lambda *_: None)
    coupled.grow(wide, config, adapter.splits.train.take(slice(4)), objectives.resolve("ce"), [1], 0)
    tokens = adapter.splits.test["tokens"][:8]
    torch.testing.assert_close(network.token_nll(wide, tokens, 8), network.token_nll(one, tokens, 8), atol=1e-5, rtol=1e-5)
    assert wide.network.num_parameters() > one.network.num_parameters()


@pytest.mark.parametrize("architecture", ["llama", "mistral", "qwen2"])
def test_narrow_models_are_blocks_of_the_wide_one_before_it_is_trained_on(architecture: str, short_text: Path) -> None:
    adapter = adapter_of(short_text, model=COUPLED | {"architecture": architecture})
    wide = network.initial_model(adapter.config, adapter.tokenizer, BLOCK, 3)
    coupled.grow(wide, adapter.config, adapter.splits.train.take(slice(8)), objectives.resolve("ce"), [1], 0)
    layer = wide.network.base_model.get_submodule("layers.0")
    for name in ("self_attn.q_proj", "self_attn.o_proj", "mlp.gate_proj", "mlp.down_proj"):
        weight = layer.get_parameter(f"{name}.weight").detach()
        rows, columns = (half // 2 for half in weight.shape)
        first, second = weight[:rows, :columns], weight[rows:, columns:]
        assert torch.equal(weight, torch.block_diag(first, second))
        assert bool((first != 0).any())
        assert not torch.equal(first, second)


@pytest.mark.parametrize("settings", [{}, {"layers": 2, "hidden_size": 24, "intermediate_size": 40, "heads": 3}])
def test_the_flops_of_a_model_are_those_that_torch_counts(settings: dict[str, int], short_text: Path) -> None:
    adapter = adapter_of(short_text, model=settings)
    assert counted(adapter.config, adapter.tokenizer, BLOCK) == forward_flops(adapter.config, adapter.tokenizer.size, BLOCK)


def test_a_coupled_fit_takes_the_passes_that_cost_what_the_dense_ones_do(
    short_text: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    adapter = adapter_of(short_text, model=COUPLED, epochs=10)
    costs = []

    def train(
        model: LanguageModel, samples: Samples, objective: object, config: LanguageModelConfig, epochs: int, *_: object
    ) -> Progress:
        costs.append(epochs * counted(config, model.tokenizer, BLOCK))
        return Progress(objectives.resolve("ce"), tokens=epochs * samples["tokens"].numel())

    monkeypatch.setattr(coupled, "train", train)
    monkeypatch.setattr("fortifai.modalities.text.adapter.train", train)
    notes = fit(adapter).notes
    assert len(costs) == 3
    assert sum(costs) == pytest.approx(10 * counted(adapter.config, adapter.tokenizer, BLOCK), rel=0.05)
    narrow, wide = coupled.passes_of(adapter.config, adapter.tokenizer, BLOCK, 10)
    assert (notes["training_tokens"], notes["narrow_tokens"]) == (wide * BLOCKS * BLOCK, 2 * narrow * BLOCKS * BLOCK)


def test_the_regimes_of_the_suite_cost_the_same_and_differ_in_shape_alone() -> None:
    suite = load_suite("text-capacity")
    length, tokenizer = 64, SimpleNamespace(size=513, begin=512)  # 512 tokens, and the one that begins a block
    shape = dict.fromkeys(("layers", "hidden_size", "intermediate_size", "heads", "coupling"))
    forward, fits, rest = [], [], set()
    for regime in suite.regimes:
        config = regime.model
        assert isinstance(config, LanguageModelConfig)
        assert (config.vocabulary, regime.data.block) == (512, length)  # type: ignore[attr-defined]
        levels = divisors(blocks_of(config.coupling))
        costs = [times * counted(config.narrower(times), tokenizer, length) for times in levels]
        forward.append(costs[-1])
        taken = coupled.passes_of(config, tokenizer, length, config.training.epochs)  # type: ignore[arg-type]
        fits.append(sum(cost * own for cost, own in zip(costs, taken, strict=True)))
        same = {name: value for name, value in regime.identity().items() if name not in ("name", "model")}
        rest.add(json.dumps([same, config.model_copy(update=shape).model_dump()]))
    assert max(forward) <= 1.05 * min(forward)
    assert max(fits) <= 1.05 * min(fits)
    assert len(rest) == 1


def test_a_coupled_fit_is_the_same_twice_and_goes_on_from_a_model_without_coupling_again(short_text: Path) -> None:
    adapter = adapter_of(short_text, model=COUPLED)
    one, two = fit(adapter), fit(adapter)
    assert torch.equal(weights(one.model), weights(two.model))
    assert "narrow_tokens" not in fit(adapter, init=one.model).notes


def test_a_coupled_fit_that_was_stopped_goes_on_with_the_wide_model(
    short_text: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    adapter = adapter_of(short_text, model=COUPLED)
    whole = weights(fit(adapter, "tce-adaptive:alpha=1").model)
    monkeypatch.setattr("fortifai.modalities.text.model.checkpoint.SECONDS", 0.0)
    real, calls = coupled.grow, []

    def grow(*arguments: object) -> None:
        calls.append(arguments)
        real(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(coupled, "grow", grow)
    folder = tmp_path / "checkpoint"
    samples: Samples = adapter.splits.train.take(slice(BLOCKS))
    for _ in range(2):  # the second finds what the first left: a checkpoint of its last step
        resumed = adapter.fit(samples, objectives.resolve("tce-adaptive:alpha=1"), None, stream(0, "fit"), folder)
    assert len(calls) == 1
    assert torch.equal(weights(resumed.model), whole)
