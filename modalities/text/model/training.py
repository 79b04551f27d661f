"""One fit: AdamW on blocks of tokens, under an objective, epoch after epoch, with checkpoints to go on from."""

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
from .network import LanguageModel, hidden_states, output_layer, precision, token_nll

ADAPTING_BLOCKS = 256
"""Blocks that a threshold is estimated on before every epoch; the authors take about 2,048 samples."""


def train(
    model: LanguageModel,
    samples: Samples,
    objective: Objective,
    config: LanguageModelConfig,
    epochs: int,
    seed: int,
    select: Callable[[LanguageModel], float] | None = None,
    folder: Path | None = None,
) -> Progress:
    """Train a model in place and give what was done.

    ``select`` judges the model after every epoch, and the best one's weights are kept; None keeps the last. ``folder``: where a
    fit that is stopped finds how far it was. What is drawn depends on ``seed``, the epoch and the step alone, so that one that
    goes on gives the same weights. Raises Diverged when a loss is not finite.
    """
    samples = sequences(samples, config.training.block)
    network, length = model.network, samples["tokens"].shape[1]
    per_epoch = -(-len(samples) // config.training.batch)
    total = _steps(epochs * per_epoch, length, config.training)
    optimizer = torch.optim.AdamW(network.parameters(), weight_decay=config.training.weight_decay)
    if config.gradient_checkpointing:
        network.gradient_checkpointing_enable()
    checkpoints = Checkpoints(folder, network, optimizer)
    done = checkpoints.resume() or Progress(objective)
    while done.step < total:
        epoch, first = divmod(done.step, per_epoch)
        if first == 0:
            done.objective = _adapted(model, samples, objective, config, stream("text", "adapt", seed, epoch))
        order = torch.randperm(len(samples), generator=stream("text", "order", seed, epoch))
        network.train()
        for index in order.split(config.training.batch)[first : first + total - done.step]:
            for group in optimizer.param_groups:
                group["lr"] = config.training.learning_rate * _rate(done.step, total, config.training)
            with torch.random.fork_rng():  # dropout, where a network has it
                torch.manual_seed(seed_of("text", "dropout", seed, done.step))
                _step(model, samples.take(index), config, optimizer, done)
            # Before the checkpoint, which else would go on after an epoch that was never judged.
            if select is not None and (done.step % per_epoch == 0 or done.step == total):
                _judge(model, select, epoch, done)
                network.train()
            checkpoints.save_now_and_then(done)
    if done.best is None:
        done.best_epoch = (total - 1) // per_epoch
    else:
        network.load_state_dict(done.best)
    network.eval()
    return done


def _judge(model: LanguageModel, select: Callable[[LanguageModel], float], epoch: int, done: Progress) -> None:
    """Keep the weights of this epoch where they are the best so far."""
    score = select(model)
    if score > done.best_score:
        done.best_score, done.best_epoch = score, epoch
        done.best = {name: value.detach().clone() for name, value in model.network.state_dict().items()}


def sequences(samples: Samples, length: int | None) -> Samples:
    """Cut blocks, (n, T), into training sequences, (n T / length, length), each with its block's origin and weight."""
    tokens = samples["tokens"]
    if length is None or length == tokens.shape[1]:
        return samples
    index = torch.arange(len(samples)).repeat_interleave(tokens.shape[1] // length)
    cut = samples.take(index)
    return Samples({"tokens": tokens.reshape(-1, length)}, cut.origin, cut.weight)


def _step(
    model: LanguageModel, batch: Samples, config: LanguageModelConfig, optimizer: torch.optim.Optimizer, done: Progress
) -> None:
    """Take one step on a batch of blocks, in as many parts as the configuration says."""
    network = model.network
    weight, bias = output_layer(network)
    for part in torch.arange(len(batch)).tensor_split(min(config.training.accumulate, len(batch))):
        blocks = batch.take(part)
        tokens = blocks["tokens"].to(network.device).long()
        # A block's weight is that of its tokens' losses, relative to the mean of 1 that strategies keep.
        scale = None if blocks.weight is None else blocks.weight.to(network.device)[:, None].expand_as(tokens)
        with precision(config, network.device):
            loss, confidence = linear_cross_entropy(
                hidden_states(model, tokens),
                weight,
                tokens,
                done.objective,
                bias=bias,
                token_weights=scale,
                normalizer=len(batch) * tokens.shape[1],
                return_confidence=True,
            )
        if not torch.isfinite(loss):
            raise Diverged(f"the loss is {float(loss.detach())} at step {done.step}")
        loss.backward()
        done.tokens += tokens.numel()
        done.masked += int((done.objective.weights(confidence) == 0).sum())
    torch.nn.utils.clip_grad_norm_(network.parameters(), config.training.clip)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    done.step += 1


def _adapted(
    model: LanguageModel, samples: Samples, objective: Objective, config: LanguageModelConfig, rng: torch.Generator
) -> Objective:
    """Give the objective of the coming epoch, its threshold estimated on blocks drawn at random."""
    if type(objective).adapt is Objective.adapt:  # fixed: nothing to estimate
        return objective
    some = samples["tokens"][torch.randperm(len(samples), generator=rng)[:ADAPTING_BLOCKS]]
    with precision(config, model.network.device):
        return objective.adapt(torch.exp(-token_nll(model, some, config.evaluation_batch)))


def _steps(wanted: int, length: int, training: Training) -> int:
    if training.token_budget is None:
        return wanted
    return max(1, min(wanted, training.token_budget // (training.batch * length)))


def _rate(step: int, total: int, training: Training) -> float:
    """Give the learning rate of a step, as a share of its peak."""
    rising = training.warmup * total
    if step < rising:
        return (step + 1) / (rising + 1)
    if training.schedule == "constant":
        return 1.0
    return 0.5 * (1 + math.cos(math.pi * (step - rising) / (total - rising)))
