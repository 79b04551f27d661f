"""The objectives in Lightning: a mixin that is a training step."""

from typing import Any

from torch import Tensor

from fortifai.integrations.causal_lm import check_served, fused_loss
from fortifai.objectives import Objective, resolve


class FusedLossMixin:
    """Before LightningModule among the bases of a module whose ``self.model`` is a causal language model of transformers.

    Set ``objective`` on the class or the instance. A batch is a dict with ``input_ids`` and ``labels`` (unshifted, -100 where
    ignored). The loss is that of `fortifai.integrations.transformers.tce_loss`, computed without the logits.
    """

    objective: str | Objective = "tce:gamma=0.9"

    def on_fit_start(self) -> None:
        """Raise UserError, before any training, for a model that the fused loss cannot serve and for a wrong objective."""
        super().on_fit_start()  # type: ignore[misc]
        check_served(self.model)  # type: ignore[attr-defined]
        self.objective = resolve(self.objective)

    def training_step(self, batch: dict[str, Tensor], batch_idx: int) -> Tensor:
        """Give the loss of a batch, and log it as ``train_loss``."""
        model: Any = self.model  # type: ignore[attr-defined]
        loss = fused_loss(resolve(self.objective), model, batch, None)
        self.log("train_loss", loss, prog_bar=True)  # type: ignore[attr-defined]
        return loss
