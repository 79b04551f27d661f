"""One fit: discriminators and generator in turns, by Adam, and a running average of the generator's weights.

B images of a batch, C colours, S pixels a side, Z latent dimensions.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from fortifai.contract.samples import Samples
from fortifai.errors import Diverged
from fortifai.objectives import Objective, Selective
from fortifai.randomness import integer_seed

from ..elements import MaskCount
from ..features.extractor import Judge
from . import judges as choice
from . import latents, network
from .augmentation import NUMBERS, augment
from .config import GANConfig
from .losses import Side, confidence, image_loss
from .network import GAN

BETAS = (0.5, 0.99)
"""Of Adam: what DCGAN's authors found for the first, and StyleGAN's for the second."""

ADAPTING_IMAGES = 2048
"""Images that a threshold is estimated on before every epoch."""

PENALISED = 4
"""Of so many steps one has the gradient penalty, with as many times its weight (Karras et al., 2020, appendix B)."""


@dataclass
class Game:
    """What every step of a fit shares.

    Attributes:
        model: On ``device``; its generator is the one that is trained.
        judges: The frozen networks that may join, by name.
        config: Of the fit.
        device: Where everything is.
        rng: The source of every random number.
        masks: Counts what the objective masks, over all discriminators and both sides of the game.
    """

    model: GAN
    judges: Mapping[str, Judge]
    config: GANConfig
    device: torch.device
    rng: torch.Generator
    masks: MaskCount = field(default_factory=MaskCount)

    def seen(self, x: Tensor) -> Tensor:
        """Return augmented images, (B, C, S, S), as discriminators see them."""
        return augment(x, self.config.augment, torch.rand(len(x), NUMBERS, generator=self.rng))

    def generated(self, count: int) -> Tensor:
        """Return images, (count, C, S, S), that the generator makes while it is trained."""
        images: Tensor = self.model.generator(latents.draw(count, self.config.latent, 1.0, self.rng).to(self.device))
        return images

    def discriminators(self, count: int) -> Iterator[tuple[Callable[[Tensor], Tensor], slice]]:
        """Yield what scores augmented images, (B, C, S, S) to (B,), and which of a batch it sees.

        The discriminator is the first; it sees all. The judges that have joined follow.

        Args:
            count: Images of the batch.
        """
        yield self.model.discriminator, slice(count)
        for name, head in self.model.heads.items():
            yield nn.Sequential(_Embedding(self.judges[name]), head), slice(min(self.config.judged or count, count))

    def weighed(self, score: Tensor, side: Side, objective: Objective, weight: Tensor | None = None) -> Tensor:
        """Return the loss of one side under an objective, a scalar.

        Args:
            score: Of every image, (B,).
            side: Whose images, and for whom.
            objective: Weighs every image by the probability of its target.
            weight: Of every image, (B,), mean 1 over the training set; None: all count the same.
        """
        loss, sure = image_loss(score, side, self.config.loss), confidence(score, side)
        if isinstance(objective, Selective):
            self.masks.add(objective, sure)
        return objective.loss(loss if weight is None else weight * loss, sure)


class _Embedding(nn.Module):
    """A judge as a layer: its features of images, (B, C, S, S) to (B, F)."""

    def __init__(self, judge: Judge) -> None:
        super().__init__()
        self.judge = judge

    def forward(self, x: Tensor) -> Tensor:
        return self.judge.embed(x)


def train(game: Game, samples: Samples, objective: Objective, steps: int) -> dict[str, float]:
    """Train a model in place; its generator becomes the running average.

    Args:
        game: The model and what it is trained with.
        samples: The training set; ``x`` float32 (n, C, S, S) in [0, 1].
        objective: What weighs images, in every discriminator's loss and in the generator's.
        steps: Of both.

    Returns:
        How separable training images and generated ones were by each judge when the last one was chosen; none, where none was.

    Raises:
        Diverged: A loss is not finite.
    """
    model, config = game.model, game.config
    model.modules().train()
    average = AveragedModel(model.generator, multi_avg_fn=get_ema_multi_avg_fn(config.ema), use_buffers=True)
    critics, maker = (
        torch.optim.Adam(parameters, lr=config.learning_rate, betas=BETAS)
        for parameters in ([*model.discriminator.parameters(), *model.heads.parameters()], model.generator.parameters())
    )
    absent = len(game.judges) if config.most_judges is None else config.most_judges
    joining, notes = choice.joining_steps(steps, max(absent - len(model.heads), 0)), dict[str, float]()
    weight = None if samples.weight is None else (samples.weight / samples.weight.mean()).float()
    step, current = 0, objective
    while step < steps:
        current = objective.adapt_to(lambda: _confidence_of_some(game, samples))
        for index in torch.randperm(len(samples), generator=game.rng).split(config.batch)[: steps - step]:
            if step in joining:
                notes = _join(game, samples, average, critics)
            x = samples["x"][index].to(game.device)
            weights = None if weight is None else weight[index].to(game.device)
            _step(critics, _critics_loss(game, x, weights, current, penalised=step % PENALISED == 0), step)
            with _fixed(model.discriminator, model.heads):
                _step(maker, _makers_loss(game, len(x), current), step)
            average.update_parameters(model.generator)
            step += 1
    model.generator = average.module
    model.modules().eval()
    return notes


def _critics_loss(game: Game, x: Tensor, weight: Tensor | None, objective: Objective, penalised: bool) -> Tensor:
    """Return the summed loss of all discriminators, a scalar, on a training batch and as many generated images."""
    with torch.no_grad():
        generated = game.generated(len(x))
    true, fake = game.seen(x), game.seen(generated)
    total = x.new_zeros(())
    for discriminator, some in game.discriminators(len(x)):
        of_true, of_fake = discriminator(torch.cat([true[some], fake[some]])).chunk(2)
        total = total + game.weighed(of_true, "true", objective, None if weight is None else weight[some])
        total = total + game.weighed(of_fake, "generated", objective)
    if penalised and game.config.penalty:
        total = total + PENALISED * game.config.penalty / 2 * squared_gradient(game.model.discriminator, true)
    return total


def _makers_loss(game: Game, count: int, objective: Objective) -> Tensor:
    """Return the generator's loss, summed over all discriminators, a scalar."""
    seen, total = game.seen(game.generated(count)), torch.zeros((), device=game.device)
    for discriminator, some in game.discriminators(count):
        total = total + game.weighed(discriminator(seen[some]), "generator", objective)
    return total


def squared_gradient(discriminator: nn.Module, x: Tensor) -> Tensor:
    """Return the mean over images of the squared length of the score's gradient in the image: R1 (Mescheder et al., 2018).

    Args:
        discriminator: Returns scores, (B,), of images, each by itself.
        x: Images, (B, C, S, S).
    """
    x = x.detach().requires_grad_()
    (slope,) = torch.autograd.grad(discriminator(x).sum(), x, create_graph=True)
    return slope.square().flatten(1).sum(1).mean()


def _join(game: Game, samples: Samples, average: nn.Module, critics: torch.optim.Optimizer) -> dict[str, float]:
    """Let the judge join by which images are most separable, and return how separable they are by each that had not joined."""
    rest = [judge for name, judge in game.judges.items() if name not in game.model.heads]
    some = samples["x"][torch.randperm(len(samples), generator=game.rng)[: choice.COMPARED]]
    average.eval()
    with torch.no_grad():
        generated = average(latents.draw(len(some), game.config.latent, 1.0, game.rng).to(game.device)).cpu()
    average.train()
    separable = choice.separabilities(rest, some, generated, game.rng)
    name = choice.most_separating(separable)
    with torch.random.fork_rng(devices=[]):  # layers draw their first weights from torch's own generator
        torch.manual_seed(integer_seed(game.rng))
        head = network.head(game.judges[name].dimensions).to(game.device)
    game.model.heads[name] = head
    critics.add_param_group({"params": list(head.parameters())})
    return {f"separable_by_{judge}": accuracy for judge, accuracy in separable.items()}


def _step(optimizer: torch.optim.Optimizer, loss: Tensor, step: int) -> None:
    if not torch.isfinite(loss):
        raise Diverged(f"the loss is {float(loss.detach())} at step {step}")
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    optimizer.step()


@contextmanager
def _fixed(*parts: nn.Module) -> Iterator[None]:
    """Let parts take no gradient within the block: it flows through them."""
    for part in parts:
        part.requires_grad_(False)
    try:
        yield
    finally:
        for part in parts:
            part.requires_grad_(True)


@torch.no_grad()
def _confidence_of_some(game: Game, samples: Samples) -> Tensor:
    """Return the discriminator's confidence in training images drawn at random, as it sees them in training, (m,)."""
    some = torch.randperm(len(samples), generator=game.rng)[:ADAPTING_IMAGES]
    return confidence(game.model.discriminator(game.seen(samples["x"][some].to(game.device))), "true")
