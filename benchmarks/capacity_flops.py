"""What the models of the suites text-capacity and image-capacity cost: the table of docs/capacity.md.

Forwards by torch.utils.flop_counter on one block of text or one image; of a fit, the passes of every level times that, as a share
of the first regime's.

    python benchmarks/capacity_flops.py
"""

from types import SimpleNamespace

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from fortifai.coupling.levels import divisors
from fortifai.coupling.settings import blocks_of
from fortifai.modalities.image.vae import coupled as images
from fortifai.modalities.image.vae.config import VAEConfig
from fortifai.modalities.text.config import LanguageModelConfig
from fortifai.modalities.text.model import coupled as texts
from fortifai.modalities.text.model import network
from fortifai.planning.suite import Regime
from fortifai.planning.suite_file import load_suite

TOKENIZER = SimpleNamespace(size=513, begin=512)
"""Of 512 tokens, and the one that begins a block."""


def cost(model: nn.Module, x: torch.Tensor, **options: bool) -> int:
    """Return the FLOPs of one pass forwards."""
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(x, **options)
    return counter.get_total_flops()


def measured(regime: Regime) -> tuple[int, int, dict[int, int], int]:
    """Return parameters, FLOPs forwards, the passes of each level by how many times narrower it is, and FLOPs of all passes."""
    config = regime.model
    flops: dict[int, int] = {}
    if isinstance(config, LanguageModelConfig):
        length = regime.data.block
        levels = divisors(blocks_of(config.coupling))
        taken = dict(zip(levels, texts.passes_of(config, TOKENIZER, length, config.training.epochs), strict=True))
        for times in levels:
            model = network.initial_model(config.narrower(times), TOKENIZER, length, 0).network
            model.set_attn_implementation("eager")  # the one that is counted
            flops[times] = cost(model, torch.zeros(1, length, dtype=torch.long), use_cache=False)
    elif isinstance(config, VAEConfig):
        taken = images.passes_of(config, 1, 28, config.epochs)
        for times in taken:
            model = images.made(config.narrower(times), 1, 28)
            flops[times] = cost(model, torch.zeros(1, 1, 28, 28))
    parameters = sum(parameter.numel() for parameter in model.parameters())  # of the last, which is the wide one
    return parameters, flops[1], taken, sum(times * flops[times] * own for times, own in taken.items())


def main() -> None:
    """Print a row for every regime."""
    print("| suite | regime | model | parameters | MFLOPs forwards | passes, from the narrowest | FLOPs of a fit |")
    print("|---|---|---|---|---|---|---|")
    for name in ("text-capacity", "image-capacity"):
        suite = load_suite(name)
        rows = [(regime, *measured(regime)) for regime in suite.regimes]
        for regime, parameters, forwards, taken, whole in rows:
            passes = ", ".join(f"{times} x {own}" if times > 1 else str(own) for times, own in taken.items())
            share = whole / rows[0][-1]
            shape = f"{regime.model.label} | {parameters:,} | {forwards / 1e6:.2f}"
            print(f"| `{name}` | `{regime.name}` | {shape} | {passes} | {share:.2f} |")


if __name__ == "__main__":
    main()
