"""The integrations: one loss, from logits or fused, and what they refuse; the documented examples run."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from lightning import LightningModule
from objectives_support import LOSING
from transformers import (
    CohereConfig,
    CohereForCausalLM,
    Gemma2Config,
    Gemma2ForCausalLM,
    GPT2Config,
    GPT2LMHeadModel,
    GraniteConfig,
    GraniteForCausalLM,
    LlamaConfig,
    LlamaForCausalLM,
    PhiConfig,
    PhiForCausalLM,
    Trainer,
    TrainingArguments,
)

from fortifai.errors import UserError
from fortifai.integrations.causal_lm import check_served, fused_loss, loss_of_logits
from fortifai.integrations.lightning import FusedLossMixin
from fortifai.integrations.transformers import FusedTrainer, tce_loss
from fortifai.objectives import resolve

SIZES = {"hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2, "num_attention_heads": 2, "vocab_size": 60}
EXAMPLES = Path(__file__).parents[2] / "docs/examples"


def llama(tied=False):
    torch.manual_seed(0)
    return LlamaForCausalLM(LlamaConfig(**SIZES, tie_word_embeddings=tied, initializer_range=0.3))


def phi():  # its output layer has a bias
    torch.manual_seed(0)
    model = PhiForCausalLM(PhiConfig(**SIZES, initializer_range=0.3))
    torch.nn.init.normal_(model.lm_head.bias)
    return model.eval()


def gpt2():  # its base model has another name
    torch.manual_seed(0)
    return GPT2LMHeadModel(GPT2Config(n_embd=16, n_layer=1, n_head=2, vocab_size=60, initializer_range=0.3)).eval()


def blocks(n=12, length=10):
    rng = torch.Generator().manual_seed(1)
    ids = torch.randint(60, (n, length), generator=rng)
    labels = ids.clone()
    labels[::3, 4:] = -100  # so that micro-batches differ in size
    return [{"input_ids": block, "labels": targets} for block, targets in zip(ids, labels, strict=True)]


def batch():
    return {key: torch.stack([block[key] for block in blocks()]) for key in ("input_ids", "labels")}


@pytest.mark.parametrize("make", [llama, lambda: llama(tied=True), phi, gpt2])
@pytest.mark.parametrize("name", ["ce", "tce:gamma=0.02", "tce-quantile:keep=0.5"])
@pytest.mark.parametrize("normalizer", [None, 77])
def test_the_fused_loss_is_that_of_the_logits(make, name, normalizer):
    model, inputs = make(), batch()
    check_served(model)
    logits = model(input_ids=inputs["input_ids"]).logits
    expected = tce_loss(name)({"logits": logits}, inputs["labels"], num_items_in_batch=normalizer)
    got = fused_loss(resolve(name), model, inputs, normalizer)
    assert got.item() == pytest.approx(expected.item(), rel=1e-5)
    for one, other in zip(*(torch.autograd.grad(loss, list(model.parameters())) for loss in (got, expected)), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("normalizer", [None, torch.tensor(50)])
def test_cross_entropy_is_the_loss_of_the_model_itself(normalizer):
    model, inputs = llama(), batch()
    expected = model(**inputs, num_items_in_batch=normalizer)
    got = loss_of_logits(resolve("ce"), expected.logits, inputs["labels"], normalizer)
    assert got.item() == pytest.approx(expected.loss.item(), rel=1e-6)


def trained(folder, kind, accumulation, tied=False, objective="tce:gamma=0.02", **options):
    settings = TrainingArguments(
        str(folder),
        max_steps=3,
        per_device_train_batch_size=12 // accumulation,
        gradient_accumulation_steps=accumulation,
        learning_rate=0.1,
        optim="sgd",
        logging_steps=1,
        report_to="none",
        use_cpu=True,
        seed=3,
        save_strategy="no",
        disable_tqdm=True,
    )
    if kind is Trainer:
        options["compute_loss_func"] = tce_loss(objective)
    else:
        options["objective"] = objective
    trainer = kind(llama(tied), settings, train_dataset=blocks(), **options)
    trainer.train()
    return trainer, torch.cat([parameter.detach().flatten() for parameter in trainer.model.parameters()])


@pytest.mark.parametrize("tied", [False, True])
def test_both_ways_train_the_same_model_and_accumulation_changes_nothing(tmp_path, tied):
    start = torch.cat([parameter.detach().flatten() for parameter in llama(tied).parameters()])
    (_, once), (_, unfused), (trainer, fused) = (
        trained(tmp_path, kind, accumulation, tied) for kind, accumulation in ((Trainer, 1), (Trainer, 4), (FusedTrainer, 4))
    )
    moved = (once - start).norm()
    assert moved > 1e-3
    assert (unfused - once).norm() < 1e-4 * moved
    assert (fused - unfused).norm() < 1e-4 * moved
    assert trainer.evaluate(blocks())["eval_loss"] > 0


@pytest.mark.parametrize(
    ("kind", "config", "message"),
    [
        (Gemma2ForCausalLM, Gemma2Config(**SIZES, num_key_value_heads=2, head_dim=8), r"final_logit_softcapping=30\.0"),
        (CohereForCausalLM, CohereConfig(**SIZES), r"logit_scale=0\.0625"),
        (GraniteForCausalLM, GraniteConfig(**SIZES, logits_scaling=8.0), r"logits_scaling=8\.0"),
    ],
)
def test_a_model_that_rescales_its_logits_is_refused(kind, config, message):
    with pytest.raises(UserError, match=f"cannot serve {kind.__name__}.*{message}.*tce_loss"):
        check_served(kind(config))


def test_a_model_that_does_something_unheard_of_with_its_logits_is_refused():
    class Odd(LlamaForCausalLM):
        def forward(self, *args, **options):
            out = super().forward(*args, **options)
            out.logits = out.logits * 1.1
            return out

    with pytest.raises(UserError, match="its logits are not"):
        check_served(Odd(llama().config))
    with pytest.raises(UserError, match="is not a transformers"):
        check_served(torch.nn.Linear(2, 2))


def test_two_losses_for_one_trainer_are_refused(tmp_path):
    with pytest.raises(UserError, match="and not compute_loss_func"):
        trained(tmp_path, FusedTrainer, 1, compute_loss_func=tce_loss())


def test_a_wrong_objective_is_named_before_training():
    with pytest.raises(UserError, match="did you mean 'tce'"):
        tce_loss("tec")


class LlamaModule(FusedLossMixin, LightningModule):
    def __init__(self, objective):
        super().__init__()
        self.model, self.objective = llama(), objective


@pytest.mark.parametrize("objective", ["tce-online", resolve("tce-online")])
@pytest.mark.parametrize(
    "make",
    [
        lambda objective, folder: tce_loss(objective),
        lambda objective, folder: FusedTrainer(llama(), TrainingArguments(str(folder), use_cpu=True), objective=objective),
        lambda objective, folder: LlamaModule(objective).on_fit_start(),
    ],
    ids=["tce_loss", "FusedTrainer", "Lightning"],
)
def test_an_objective_that_depends_on_a_chain_is_refused_before_training(make, objective, tmp_path):
    with pytest.raises(UserError, match=r"'tce-online.*no chain runs here: use a fixed share"):
        make(objective, tmp_path)


@pytest.mark.parametrize("name", ["tce-online", "tce-anchored"])
@pytest.mark.parametrize("generations", [1, 2])
def test_what_it_is_in_a_generation_is_accepted(name, generations):
    settled = resolve(name).for_generation(LOSING[:generations])
    model, inputs = llama(), batch()
    logits = model(input_ids=inputs["input_ids"]).logits
    expected = tce_loss(settled)({"logits": logits}, inputs["labels"])
    assert fused_loss(settled, model, inputs, None).item() == pytest.approx(expected.item(), rel=1e-5)
    module = LlamaModule(settled)
    module.on_fit_start()
    assert module.objective is settled


@pytest.mark.parametrize("example", ["transformers_trainer", "lightning_module"])
def test_the_documented_example_runs_and_learns(example, tmp_path):
    script = [sys.executable, EXAMPLES / f"{example}.py"]
    process = subprocess.run(script, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert process.returncode == 0, process.stderr
    losses = re.search(r"loss: (.*)", process.stdout)[1].split()
    assert float(losses[-1]) < 3.5  # log 256 = 5.5 at the start


def test_importing_fortifai_loads_neither_library():
    loaded = "{'transformers', 'lightning'} & set(sys.modules)"
    code = f"import sys, fortifai, fortifai.objectives, fortifai.integrations; assert not {loaded}"
    subprocess.run([sys.executable, "-c", code], check=True)
