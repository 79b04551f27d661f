"""A wide language model from narrow ones, by recursive block-diagonal coupling: see `fortifai.coupling`."""

from collections.abc import Sequence
from itertools import count

import torch

from fortifai.contract.samples import Samples
from fortifai.coupling.levels import divisors, grown, passes
from fortifai.coupling.settings import BlockDiagonal, blocks_of, parse
from fortifai.coupling.weights import couple
from fortifai.objectives import Objective
from fortifai.randomness import seed_of

from ..config import LanguageModelConfig
from .flops import forward_flops
from .network import LanguageModel, initial_model, move
from .tokenizer import Tokenizer
from .training import train


def passes_of(config: LanguageModelConfig, tokenizer: Tokenizer, block: int, epochs: int) -> list[int]:
    """Return the passes of a model of each level, from the narrowest; together they cost what ``epochs`` of the wide one do.

    Args:
        config: The wide model.
        tokenizer: Its tokenizer.
        block: Tokens of a block, T.
        epochs: Passes of the wide model alone.
    """
    coupling, length = parse(config.coupling), config.training.block or block
    levels = [forward_flops(config.narrower(times), tokenizer.size, length) for times in divisors(blocks_of(config.coupling))]
    return passes(epochs, coupling.narrow if isinstance(coupling, BlockDiagonal) else 0.0, levels)


def tokens(narrow: Sequence[int], samples: Samples) -> int:
    """Return how many tokens all narrower models train on together, each as often as it is read.

    Args:
        narrow: Passes of a model of each narrower level, from the narrowest.
        samples: Blocks, ``tokens`` int32 (n, T).
    """
    models = divisors(1 << len(narrow))[:-1]
    return samples["tokens"].numel() * sum(many * each for many, each in zip(models, narrow, strict=True))


def grow(
    model: LanguageModel,
    config: LanguageModelConfig,
    samples: Samples,
    objective: Objective,
    narrow: Sequence[int],
    seed: int,
) -> None:
    """Set a wide model to what narrow ones are coupled to, each trained as `train` does, the last epoch's weights kept.

    Every model has random weights, orders and thresholds of its own. Their embeddings are tied to their output layers, whose
    inputs all grow: so that logits are the mean of the narrow models', and not the sum, the last normalisation is divided by
    their number.

    Args:
        model: The wide model, on its device; its weights are replaced.
        config: Its configuration.
        samples: Blocks, ``tokens`` int32 (n, T), each with an optional weight.
        objective: The loss of a token, of narrow models too.
        narrow: Passes of a model of each narrower level, from the narrowest.
        seed: Decides every random draw.
    """
    block, numbers = samples["tokens"].shape[1], count()
    taken = dict(zip(divisors(1 << len(narrow)), narrow, strict=False))

    def fit(times: int, parts: Sequence[LanguageModel]) -> LanguageModel:
        own = config.narrower(times)
        drawn = seed_of("text", "coupled", seed, next(numbers))
        grown_model = model if times == 1 else initial_model(own, model.tokenizer, block, drawn)
        move(grown_model, config)
        if parts:
            couple([part.network for part in parts], grown_model.network)
            with torch.no_grad():
                grown_model.network.base_model.get_submodule("norm").get_parameter("weight").div_(len(parts))
        if times > 1:
            train(grown_model, samples, objective, own, taken[times], drawn)
        return grown_model

    grown(1 << len(narrow), fit)
