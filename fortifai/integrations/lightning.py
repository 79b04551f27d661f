"""The objectives in Lightning: a mixin that is a training step."""

from typing import Any

from torch import Tensor

from fortifai.integrations.causal_lm import check_served, fused_loss
from fortifai.objectives import Objective, resolve_for


class FusedLossMixin:
    """The training step of a LightningModule whose ``self.model`` is a causal language model of transformers.

    List it before LightningModule among the bases. A batch is a dict with ``input_ids`` and ``labels``, int64 (B, T) each, the
    labels unshifted and -100 where ignored. The loss is that of `fortifai.integrations.transformers.tce_loss`, computed without
    the logits.
    """

    objective: str | Objective = "tce:gamma=0.9"
    """The loss; set it on the class or the instance."""

    def on_fit_start(self) -> None:
        """Check the model and the objective before any training.

        Raises:
            UserError: The fused loss cannot serve the model, or the objective is unknown, has a wrong parameter or depends on
                the records of a chain.
        """
        super().on_fit_start()  # type: ignore[misc]
        check_served(self.model)  # type: ignore[attr-defined]
        self.objective = resolve_for(self.objective).outside_chain()

    def training_step(self, batch: dict[str, Tensor], batch_idx: int) -> Tensor:
        """Return the loss of a batch, a scalar in nats, and log it as ``train_loss``."""
        model: Any = self.model  # type: ignore[attr-defined]
        loss = fused_loss(resolve_for(self.objective), model, batch, None)
        self.log("train_loss", loss, prog_bar=True)  # type: ignore[attr-defined]
        return loss
