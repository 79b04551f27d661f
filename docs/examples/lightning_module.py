"""Truncated cross entropy in Lightning, without the logits: a tiny Llama on some English, in seconds."""

import lightning
import torch
from torch.utils.data import DataLoader
from transformers import LlamaConfig, LlamaForCausalLM

from fortifai.integrations.lightning import FusedLossMixin


class TinyLlama(FusedLossMixin, lightning.LightningModule):
    """A language model whose training step comes from the mixin."""

    objective = "tce:gamma=0.9"

    def __init__(self) -> None:
        super().__init__()
        sizes = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
        self.model = LlamaForCausalLM(LlamaConfig(vocab_size=256, **sizes))

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Return AdamW over all parameters."""
        return torch.optim.AdamW(self.parameters(), lr=0.01)


TEXT = "In the beginning God created the heaven and the earth. And the earth was without form, and void. " * 20
blocks = torch.tensor(list(TEXT.encode())).unfold(0, 64, 32)
data = DataLoader([{"input_ids": block, "labels": block.clone()} for block in blocks], batch_size=8)
torch.manual_seed(0)
quiet = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False, "enable_model_summary": False}
trainer = lightning.Trainer(accelerator="cpu", max_steps=60, **quiet)
trainer.fit(TinyLlama(), data)
print("loss:", float(trainer.callback_metrics["train_loss"]))
