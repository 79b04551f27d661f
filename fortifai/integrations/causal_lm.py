"""What the integrations share: the loss of a causal language model of the library transformers, from logits or fused."""

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from fortifai.errors import UserError
from fortifai.objectives import Objective, linear_cross_entropy

IGNORED = -100
"""The label of a token that does not count, as everywhere in transformers."""

RESCALING = (
    "final_logit_softcapping",
    "logit_scale",
    "logits_scaling",
    "lm_head_multiplier",
)
"""Configuration settings by which a model changes its logits after the output layer; 1 or None does nothing."""


def loss_of_logits(objective: Objective, logits: Tensor, labels: Tensor, normalizer: float | Tensor | None) -> Tensor:
    """Return an objective's loss of the next tokens, a scalar in nats.

    Args:
        objective: The loss.
        logits: (..., T, V).
        labels: int64 (..., T), unshifted, `IGNORED` where a token does not count.
        normalizer: What the sum is divided by, > 0; None: the number of tokens that count.
    """
    targets = labels[..., 1:].reshape(-1).to(logits.device)
    counted = targets != IGNORED
    rows = logits[..., :-1, :].reshape(-1, logits.shape[-1])[counted]
    nll = nn.functional.cross_entropy(rows.float(), targets[counted], reduction="none")
    if normalizer is None:
        return objective.loss(nll, torch.exp(-nll))
    # The mean of no tokens is NaN, but a micro-batch that has none of a step's tokens adds nothing to it.
    return objective.loss(nll, torch.exp(-nll)) * (len(nll) / float(normalizer)) if len(nll) else nll.sum()


def fused_loss(
    objective: Objective, model: PreTrainedModel, inputs: dict[str, Tensor], normalizer: float | Tensor | None
) -> Tensor:
    """Return the same loss as `loss_of_logits`, computed without the logits.

    Args:
        objective: The loss.
        model: A model that passes `check_served`.
        inputs: What the model is called with, and ``labels``, int64 (..., T), unshifted.
        normalizer: As of `loss_of_logits`.
    """
    inputs = dict(inputs)
    labels = inputs.pop("labels")
    hidden = model.base_model(**inputs, use_cache=False).last_hidden_state
    head = model.get_output_embeddings()
    return linear_cross_entropy(
        hidden[..., :-1, :],
        head.weight,
        labels[..., 1:].to(hidden.device),
        objective,
        bias=getattr(head, "bias", None),
        ignore_index=IGNORED,
        normalizer=normalizer,
    )


def check_served(model: object) -> None:
    """Raise UserError unless a model's logits are its last hidden states times the output embedding, plus its bias.

    Known settings are read; anything else that a model does to its logits shows in those of two tokens.
    """

    def refused(why: str) -> UserError:
        return UserError(
            f"the fused loss cannot serve {type(model).__name__}: {why}; use transformers.Trainer with "
            "compute_loss_func=fortifai.integrations.transformers.tce_loss(...), which computes the loss from the logits"
        )

    if not isinstance(model, PreTrainedModel):
        raise refused("it is not a transformers.PreTrainedModel")
    text = model.config.get_text_config()
    rescaling = {name: getattr(text, name) for name in RESCALING if getattr(text, name, None) not in (None, 1, 1.0)}
    if rescaling:
        raise refused("it rescales its logits (" + ", ".join(f"{name}={value}" for name, value in rescaling.items()) + ")")
    head = model.get_output_embeddings()
    if not isinstance(head, nn.Linear) or model.base_model is model:
        raise refused("it has no linear output layer on a base model")
    was_training = model.training
    model.eval()
    try:
        with torch.no_grad():
            tokens = torch.tensor([[0, 1]], device=head.weight.device)
            logits = model(input_ids=tokens, use_cache=False).logits
            expected = head(model.base_model(input_ids=tokens, use_cache=False).last_hidden_state)
    finally:
        model.train(was_training)
    if logits.shape != expected.shape or not torch.allclose(logits.float(), expected.float(), rtol=1e-3, atol=1e-5):
        raise refused("its logits are not its last hidden states times the output embedding")
