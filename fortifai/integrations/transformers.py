"""The objectives in transformers.Trainer: as a loss of the logits, and fused with the output layer."""

from collections.abc import Callable
from typing import Any

from torch import Tensor
from transformers import Trainer

from fortifai.errors import UserError
from fortifai.integrations.causal_lm import check_served, fused_loss, loss_of_logits
from fortifai.objectives import Objective, resolve_for


def tce_loss(objective: str | Objective = "tce:gamma=0.9") -> Callable[..., Tensor]:
    """Return a ``compute_loss_func`` for transformers.Trainer that serves any causal language model.

    It shifts the labels, leaves out those of -100, and divides by ``num_items_in_batch`` where the trainer passes it, so that the
    loss does not depend on gradient accumulation.

    Raises:
        UserError: The objective is unknown, has a wrong parameter or depends on the records of a chain.
    """
    resolved = resolve_for(objective).outside_chain()

    def compute(outputs: Any, labels: Tensor, num_items_in_batch: float | Tensor | None = None) -> Tensor:
        return loss_of_logits(resolved, outputs["logits"], labels, num_items_in_batch)

    return compute


class FusedTrainer(Trainer):
    """transformers.Trainer with the loss of `tce_loss`, computed without the logits, in less time and memory.

    Evaluation computes the loss from the logits, which metrics need.
    """

    def __init__(self, *args: Any, objective: str | Objective = "tce:gamma=0.9", **options: Any) -> None:
        """Make a trainer.

        Args:
            *args: As of Trainer.
            objective: The loss of training.
            **options: As of Trainer.

        Raises:
            UserError: The objective is unknown, has a wrong parameter or depends on the records of a chain; the model's logits
                are more than hidden states times output embedding; there is more than one device; or another loss is passed.
        """
        if options.get("compute_loss_func") is not None:
            raise UserError("FusedTrainer computes its own loss: pass objective=... and not compute_loss_func")
        self.objective: Objective = resolve_for(objective).outside_chain()
        super().__init__(*args, **options | {"compute_loss_func": tce_loss(self.objective)})
        if self.accelerator.num_processes > 1 or self.args.n_gpu > 1:
            raise UserError(
                "FusedTrainer serves one device; for more, use transformers.Trainer with compute_loss_func=tce_loss(...)"
            )
        check_served(self.model)

    def compute_loss(
        self,
        model: Any,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: Tensor | int | None = None,
    ) -> Any:
        """Return the loss of a batch in training, and what Trainer itself returns where it asks for the outputs too."""
        if return_outputs or "labels" not in inputs:
            return super().compute_loss(model, inputs, return_outputs, num_items_in_batch)
        with self.accelerator.autocast():
            return fused_loss(self.objective, self.accelerator.unwrap_model(model), inputs, num_items_in_batch)
