"""Truncated cross entropy in transformers.Trainer, without the logits: a tiny Llama on some English, in seconds."""

from tempfile import TemporaryDirectory

import torch
from transformers import LlamaConfig, LlamaForCausalLM, TrainingArguments

from fortifai.integrations.transformers import FusedTrainer

TEXT = "In the beginning God created the heaven and the earth. And the earth was without form, and void. " * 20
tokens = torch.tensor(list(TEXT.encode())).unfold(0, 64, 32)
data = [{"input_ids": block, "labels": block.clone()} for block in tokens]
torch.manual_seed(0)
sizes = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
model = LlamaForCausalLM(LlamaConfig(vocab_size=256, **sizes))
with TemporaryDirectory() as folder:
    settings = TrainingArguments(folder, max_steps=60, learning_rate=0.01, logging_steps=20, report_to="none", use_cpu=True)
    # The loss of the logits instead, for any model: Trainer(..., compute_loss_func=tce_loss("tce:gamma=0.9"))
    trainer = FusedTrainer(model, settings, train_dataset=data, objective="tce:gamma=0.9")
    trainer.train()
losses = [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]
print("loss:", *losses)
