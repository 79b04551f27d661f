"""One fit: AdamW on blocks of tokens, under an objective, epoch after epoch, with checkpoints to resume from."""

import math
from collections.abc import Callable
from pathlib import Path

import torch

from fortifai.contract.samples import Samples
from fortifai.errors import Diverged
from fortifai.objectives import Objective, linear_cross_entropy
from fortifai.randomness import seed_of, stream

from ..config import LanguageModelConfig, Training
from .checkpoint import Checkpoints, Progress
from .network import LanguageModel, autocast, hidden_states, output_layer, token_nll


def train(
    model: LanguageModel,
    samples: Samples,
    objective: Objective,
    config: LanguageModelConfig,
    epochs: int,
    seed: int,
    judge: Callable[[LanguageModel], float] | None = None,
    checkpoints: Path | None = None,
) -> Progress:
    """Train a model in place.

    What is drawn depends on the seed, the epoch and the step alone, so that a fit that was stopped and resumed ends with the
    same weights.

    Args:
        model: The model to start from, on its device.
        samples: Blocks, ``tokens`` int32 (n, T), each with an optional weight.
        objective: The loss of a token.
        config: How it is trained.
        epochs: Passes over the samples, >= 1, unless the budget of tokens ends the fit first.
        seed: Decides every random draw.
        judge: Scores the model after every epoch, higher is better, so that the best one's weights are kept. None keeps the last.
        checkpoints: The folder where a fit that was stopped finds how far it was. None: no checkpoints.

    Returns:
        How far the fit went, and which epoch it kept.

    Raises:
        Diverged: The loss is not finite.
    """
    samples = sequences(samples, config.training.block)
    network, length = model.network, samples["tokens"].shape[1]
    per_epoch = -(-len(samples) // config.training.batch)
    total = _steps(epochs * per_epoch, length, config.training)
    optimizer = torch.optim.AdamW(network.parameters(), weight_decay=config.training.weight_decay)
    if config.gradient_checkpointing:
        network.gradient_checkpointing_enable()
    checkpoint = Checkpoints(checkpoints, network, optimizer)
    progress = checkpoint.resume(objective)
    while progress.step < total:
        epoch, first = divmod(progress.step, per_epoch)
        if first == 0:
            progress.objective = _adapted(model, samples, objective, config, stream("text", "adapt", seed, epoch))
        order = torch.randperm(len(samples), generator=stream("text", "order", seed, epoch))
        network.train()
        for index in order.split(config.training.batch)[first : first + total - progress.step]:
            for group in optimizer.param_groups:
                group["lr"] = config.training.learning_rate * rate(progress.step, total, config.training)
            with torch.random.fork_rng():  # dropout, where a network has it
                torch.manual_seed(seed_of("text", "dropout", seed, progress.step))
                _step(model, samples.take(index), config, optimizer, progress)
            # Before the checkpoint: a fit resumed from one after this step would never judge the epoch.
            if judge is not None and (progress.step % per_epoch == 0 or progress.step == total):
                _keep_if_best(model, judge, epoch, progress)
                network.train()
            checkpoint.save_if_due(progress)
    last_epoch = (total - 1) // per_epoch
    if progress.best is None:
        progress.best_epoch = last_epoch
    else:
        if progress.best_epoch != last_epoch:
            progress.last = _copied(network)
        network.load_state_dict(progress.best)
    network.eval()
    return progress


def sequences(samples: Samples, length: int | None) -> Samples:
    """Return blocks cut into training sequences, each with its block's origin and weight.

    Args:
        samples: Blocks, ``tokens`` int32 (n, T).
        length: Tokens of a sequence, which divides T; None: a block is a sequence.

    Returns:
        ``tokens``, int32 (n T / length, length).
    """
    tokens = samples["tokens"]
    if length is None or length == tokens.shape[1]:
        return samples
    index = torch.arange(len(samples)).repeat_interleave(tokens.shape[1] // length)
    repeated = samples.take(index)
    return Samples({"tokens": tokens.reshape(-1, length)}, repeated.origin, repeated.weight)


def rate(step: int, total: int, training: Training) -> float:
    """Return the learning rate of a step as a share of its peak, in [0, 1].

    Args:
        step: Counted from 0.
        total: Steps of the whole fit.
        training: The schedule, and the share of the steps in which the rate rises.
    """
    rising = training.warmup * total
    if step < rising:
        return (step + 1) / (rising + 1)
    if training.schedule == "constant":
        return 1.0
    return 0.5 * (1 + math.cos(math.pi * (step - rising) / (total - rising)))


def _keep_if_best(model: LanguageModel, judge: Callable[[LanguageModel], float], epoch: int, progress: Progress) -> None:
    score = judge(model)
    if score > progress.best_score:
        progress.best_score, progress.best_epoch = score, epoch
        progress.best = _copied(model.network)


def _copied(network: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {name: value.detach().clone() for name, value in network.state_dict().items()}


def _step(
    model: LanguageModel, batch: Samples, config: LanguageModelConfig, optimizer: torch.optim.Optimizer, progress: Progress
) -> None:
    """Take one step on a batch of sequences, in as many parts as the configuration says."""
    network = model.network
    weight, bias = output_layer(network)
    for part in torch.arange(len(batch)).tensor_split(min(config.training.accumulate, len(batch))):
        rows = batch.take(part)
        tokens = rows["tokens"].to(network.device).long()
        targets = tokens if config.training.first_token else tokens[:, 1:]
        # A sequence's weight is that of its tokens' losses, relative to the mean of 1 that strategies keep.
        scale = None if rows.weight is None else rows.weight.to(network.device)[:, None].expand_as(targets)
        with autocast(config, network.device):
            loss, confidence = linear_cross_entropy(
                hidden_states(model, tokens, config.training.first_token),
                weight,
                targets,
                progress.objective,
                bias=bias,
                token_weights=scale,
                normalizer=len(batch) * targets.shape[1],
                return_confidence=True,
            )
        if not torch.isfinite(loss):
            raise Diverged(f"the loss is {float(loss.detach())} at step {progress.step}")
        loss.backward()
        progress.tokens += targets.numel()
        progress.masked += int((progress.objective.weights(confidence) == 0).sum())
    if config.training.clip != "none":
        torch.nn.utils.clip_grad_norm_(network.parameters(), config.training.clip)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    progress.step += 1


def _adapted(
    model: LanguageModel, samples: Samples, objective: Objective, config: LanguageModelConfig, rng: torch.Generator
) -> Objective:
    """Return the objective of the coming epoch, its threshold estimated on sequences drawn at random."""

    def confidence() -> torch.Tensor:
        drawn = samples["tokens"][torch.randperm(len(samples), generator=rng)[: config.training.adapting]]
        with autocast(config, model.network.device):
            return torch.exp(-token_nll(model, drawn, config.evaluation_batch, config.training.first_token))

    return objective.adapt_to(confidence)


def _steps(wanted: int, length: int, training: Training) -> int:
    """Return how many steps are taken, at least one: those that are wanted, or what the budget of tokens pays for."""
    if training.token_budget is None:
        return wanted
    return max(1, min(wanted, training.token_budget // (training.batch * length)))
