"""A wide autoencoder from narrow ones, by recursive block-diagonal coupling: see `fortifai.coupling`."""

from collections.abc import Mapping, Sequence

import torch

from fortifai.coupling.levels import divisors, passes
from fortifai.coupling.settings import BlockDiagonal, blocks_of, parse
from fortifai.coupling.weights import couple

from .config import VAEConfig
from .network import VAE


def passes_of(config: VAEConfig, colours: int, side: int, epochs: int) -> dict[int, int]:
    """Return the passes of a model of each level, by how many times narrower it is; together they cost what the wide one's do.

    Args:
        config: The wide model.
        colours: Channels of an image, C.
        side: Pixels of a side, S.
        epochs: Passes of the wide model alone.
    """
    coupling, levels = parse(config.coupling), divisors(blocks_of(config.coupling))
    with torch.device("meta"):
        flops = [forward_flops(made(config.narrower(times), colours, side).shape) for times in levels]
    narrow = coupling.narrow if isinstance(coupling, BlockDiagonal) else 0.0
    return dict(zip(levels, passes(epochs, narrow, flops), strict=True))


def made(config: VAEConfig, colours: int, side: int) -> VAE:
    """Return a network of a configuration, its first weights drawn from torch's own generator."""
    return VAE(colours, side, config.channels, config.latent, config.decoder_activation, config.depth)


def forward_flops(shape: Mapping[str, int]) -> int:
    """Return the floating-point operations of one image through an autoencoder; training on it costs about three times as much.

    A convolution of k x k costs 2 k^2 a pixel of its output, or of its input where it goes up, for every pair of channels. A
    multiplication and an addition count as two; biases and activations are left out, as by torch.utils.flop_counter.

    Args:
        shape: As of `VAE.shape`.
    """
    colours, channels, side = shape["colours"], shape["channels"], shape["side"]
    halved, quartered = (side // 2) ** 2, (side // 4) ** 2
    outer = 2 * 16 * colours * channels * halved
    second = 2 * 16 * channels * 2 * channels * quartered
    further = 2 * 9 * (2 * channels) ** 2 * quartered * shape.get("depth", 0)
    linear = 2 * 2 * channels * quartered * shape["latent"]
    return 2 * (outer + second + further) + 3 * linear  # the encoder's linear layer has two outputs a latent dimension


def couple_from(narrow: Sequence[VAE], wide: VAE) -> None:
    """Set the weights of a wide autoencoder to those of narrow ones, whose latent spaces lie side by side in its own.

    Before it is trained on, its divergence is the sum of theirs, and its logits are the mean of theirs. See `couple`.

    Args:
        narrow: k autoencoders of the same images.
        wide: One of k times their channels and latent dimensions.
    """
    last = len(wide.encoder) - 1  # whose outputs are means, and then log variances
    couple(narrow, wide, stacked={f"encoder.{last}": 2})
