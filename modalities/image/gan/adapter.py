"""The adversarial network's adapter."""

from collections.abc import Sequence
from copy import deepcopy
from functools import cached_property
from pathlib import Path

import torch
from torch import Tensor

from fortifai.config import Sampling
from fortifai.contract.modality import Fit, Likelihood
from fortifai.contract.samples import Samples
from fortifai.device import device_of
from fortifai.errors import UserError
from fortifai.objectives import Objective
from fortifai.randomness import integer_seed, stream

from ..adapter import ImageAdapter, on_device
from ..features.extractor import Judge
from . import latents, network
from .augmentation import NUMBERS, augment
from .config import GANConfig
from .losses import confidence
from .network import GAN, Shape
from .training import Game, train

DRAWN_AT_ONCE = 16
"""Images whose numbers are drawn at once: torch draws the last of a tensor anew where their count is no multiple of 16."""


class GANAdapter(ImageAdapter[GANConfig, Sampling, GAN]):
    """Generative adversarial networks. An element is an image; confidence is the discriminator's probability that it is true.

    A generator has no density, and so no likelihood. In training an objective weighs every image that a discriminator sees by the
    probability of its target: true for training images, generated for generated ones, and true for those in the generator's step.
    So by truncation an image that a discriminator is sure of moves neither it nor the generator. Every judge goes by its own.

    A temperature below 1 truncates the latents; see `latents.draw`.
    """

    implicit = True

    def check(self, n: int) -> None:
        """Raise UserError as for every image model, and where a judge cannot be had."""
        super().check(n)
        if n < 8 and self.config.judges:
            raise UserError(f"n = {n}: judges are chosen by what separates at least 8 images")
        for name in self.config.judges:
            self.judge(name)

    @cached_property
    def judges(self) -> dict[str, Judge]:
        """The frozen networks that may join, by name."""
        return {name: self.judge(name) for name in self.config.judges}

    def fit(
        self, samples: Samples, objective: Objective, init: GAN | None, rng: torch.Generator, checkpoints: Path | None = None
    ) -> Fit[GAN]:
        """Train on from ``init``, with its discriminator and the judges that had joined, or from random weights without one.

        Notes ``steps``, how many ``judges`` have joined, and how separable images were by each when the last one was chosen.
        Keeps no checkpoints.

        Raises:
            Diverged: A loss is not finite.
        """
        model = self._initial(integer_seed(rng)) if init is None else deepcopy(init)
        steps = self.config.first_steps if init is None and self.config.first_steps else self.config.steps
        device = device_of(self.config.device)
        model.modules().to(device)
        game = Game(model, self.judges, self.config, device, rng)
        notes = train(game, samples, objective, steps)
        model.modules().cpu()
        return Fit(model, game.masks.share, {"steps": float(steps), "judges": float(len(model.heads))} | notes)

    @torch.no_grad()
    def sample(self, model: GAN, source: Samples, sampling: Sampling, rng: torch.Generator) -> dict[str, Tensor]:
        """Make as many images as ``source`` has, from latents that a temperature below 1 truncates.

        Returns:
            ``x``, float32 (n, C, S, S) in [0, 1].
        """
        device = device_of(self.config.device)
        z = latents.draw(len(source), model.shape.latent, sampling.temperature, rng)
        with on_device(model.generator.eval(), device):
            return {"x": torch.cat([model.generator(part.to(device)).cpu() for part in z.split(self.config.evaluation_batch)])}

    @torch.no_grad()
    def likelihood(self, model: GAN, samples: Samples) -> Likelihood:
        """Return NaN, and the discriminator's probability that each image is true, in [0, 1]: (n,) each.

        Images are augmented as in training, so that confidence here is what an objective weighs there; but by numbers that are
        always the same, those of an image depending on its place alone.
        """
        device = device_of(self.config.device)
        rows = -(-len(samples) // DRAWN_AT_ONCE) * DRAWN_AT_ONCE
        noise = torch.rand(rows, NUMBERS, generator=stream("gan", "likelihood"))[: len(samples)]
        parts = (tensor.split(self.config.evaluation_batch) for tensor in (samples["x"], noise))
        with on_device(model.discriminator.eval(), device):
            scores = [
                model.discriminator(augment(x.to(device), self.config.augment, numbers)).cpu()
                for x, numbers in zip(*parts, strict=True)
            ]
        sure = confidence(torch.cat(scores), "true")
        return Likelihood(torch.full_like(sure, torch.nan), sure)

    def combined(self, models: Sequence[GAN], weights: Sequence[float]) -> GAN:
        """Return the model of weighted sums of parameters; variances that the generator normalises by stay at or above 0."""
        model = super().combined(models, weights)
        for name, variance in model.generator.named_buffers():
            if name.endswith("running_var"):
                variance.clamp_(min=0)
        return model

    def save(self, model: GAN, folder: Path) -> None:
        """Write one safetensors file."""
        network.save(model, folder)

    def load_model(self, folder: Path) -> GAN:
        """Return the model that `save` wrote, equal to the last bit."""
        return network.load(folder)

    def model_bytes(self) -> int:
        """Return four bytes a parameter, and those of a header."""
        with torch.device("meta"):
            model = network.initial(self._shape())
            heads = {name: network.head(judge.dimensions) for name, judge in list(self.judges.items())[: self.config.most_judges]}
        model.heads.update(heads)
        numbers: int = sum(tensor.numel() for tensor in model.modules().state_dict().values())
        return 4 * numbers + 4096

    def _initial(self, seed: int) -> GAN:
        with torch.random.fork_rng(devices=[]):  # layers draw their first weights from torch's own generator
            torch.manual_seed(seed)
            return network.initial(self._shape())

    def _shape(self) -> Shape:
        _, colours, side, _ = self.splits.train["x"].shape
        return Shape(colours, side, self.config.channels, self.config.latent)
