"""The classifier's adapter: images keep their pixels, and are given labels anew."""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from functools import partial
from itertools import pairwise
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional

from fortifai.config import Sampling
from fortifai.contract.modality import Fit, Likelihood, Modality
from fortifai.contract.samples import Samples
from fortifai.device import device_of
from fortifai.errors import Diverged, UserError
from fortifai.needs import Need
from fortifai.objectives import Objective
from fortifai.randomness import integer_seed

from ..image.config import ImageData
from ..image.data import sources
from ..image.elements import MaskCount
from .config import ClassifierConfig
from .data import load_labelled

MODEL_FILE = "classifier.safetensors"

ADAPTING_IMAGES = 2048
"""Images that a threshold is estimated on before every epoch."""


class LabelAdapter(Modality[ClassifierConfig, ImageData, Sampling, nn.Sequential]):
    """Classifiers of images. Samples hold ``x``: float32 (n, C, S, S) in [0, 1], and ``y``: int64 (n,), the class.

    A sample is an image with a label: the image stays, and its label is drawn from the model, at a temperature below 1 more
    sharply; near 0 it is the likeliest class. An element is a label, and confidence in it the probability of the class.
    """

    def __init__(self, config: ClassifierConfig, data: ImageData) -> None:
        """Load labelled images.

        Raises:
            UserError: Images are missing, unusable or without classes.
        """
        splits, self.classes = load_labelled(data)
        super().__init__(config, splits)

    @classmethod
    def needs(cls, config: ClassifierConfig, data: ImageData) -> Sequence[Need]:
        """Return the files of a data set that comes with no package, and which of them are missing."""
        return sources.needs(data)

    def check(self, n: int) -> None:
        """Raise UserError for an absent device, and for an n below 2 or beyond the training pool."""
        device_of(self.config.device)
        if not 2 <= n <= len(self.splits.train):
            raise UserError(
                f"n = {n} real images are asked for; it should be from 2 to the training pool's {len(self.splits.train)}"
            )

    def fit(
        self,
        samples: Samples,
        objective: Objective,
        init: nn.Sequential | None,
        rng: torch.Generator,
        checkpoints: Path | None = None,
    ) -> Fit[nn.Sequential]:
        """Train by Adam on from ``init``, or from random weights without one. Keeps no checkpoints.

        Raises:
            Diverged: A loss is not finite.
        """
        device = device_of(self.config.device)
        model = (self._initial_model(integer_seed(rng)) if init is None else deepcopy(init)).to(device).train()
        epochs = self.config.first_epochs if init is None and self.config.first_epochs else self.config.epochs
        optimizer = torch.optim.Adam(model.parameters(), lr=self.config.learning_rate, weight_decay=self.config.weight_decay)
        masks = MaskCount()
        for _ in range(epochs):
            current = objective.adapt_to(partial(self._confidence_of_some, model, samples, rng))
            for index in torch.randperm(len(samples), generator=rng).split(self.config.batch):
                batch = samples.take(index)
                nll = functional.cross_entropy(model(batch["x"].to(device)), batch["y"].to(device), reduction="none")
                confidence = torch.exp(-nll.detach())
                masks.add(current, confidence)
                weight = batch.weights().to(device, torch.float32)
                value = current.loss(weight * nll, torch.exp(-nll) if nll.requires_grad else confidence)
                if not torch.isfinite(value):
                    raise Diverged(f"the loss is {float(value.detach())}")
                optimizer.zero_grad(set_to_none=True)
                value.backward()
                optimizer.step()
        return Fit(model.eval().cpu(), masks.share, {"epochs": float(epochs)})

    def sample(self, model: nn.Sequential, source: Samples, sampling: Sampling, rng: torch.Generator) -> Mapping[str, Tensor]:
        """Return the images of ``source`` with labels drawn from the model, by probabilities to the power of 1 / temperature."""
        logits = self.logits(model, source["x"]).double() / sampling.temperature
        uniform = torch.rand(logits.shape, generator=rng, dtype=torch.float64).clamp(min=torch.finfo(torch.float64).tiny)
        # Gumbel's trick: the argmax is a draw from the softmax.
        return {"x": source["x"], "y": (logits - uniform.log().neg().log()).argmax(1)}

    def likelihood(self, model: nn.Sequential, samples: Samples) -> Likelihood:
        """Return -log p(label given the image) in nats, and that p in [0, 1], of every image: (n,) each."""
        nll = functional.cross_entropy(self.logits(model, samples["x"]), samples["y"], reduction="none")
        return Likelihood(nll, torch.exp(-nll))

    @torch.no_grad()
    def logits(self, model: nn.Sequential, x: Tensor) -> Tensor:
        """Return the logits of every class, float32 (n, classes), on the CPU.

        Args:
            model: The classifier.
            x: Images, float32 (n, C, S, S) in [0, 1].
        """
        device = device_of(self.config.device)
        model.eval().to(device)
        try:
            return torch.cat([model(part.to(device)).cpu() for part in x.split(1024)])
        finally:
            model.cpu()

    def save(self, model: nn.Sequential, folder: Path) -> None:
        """Write one safetensors file."""
        save_file(model.state_dict(), folder / MODEL_FILE)

    def load_model(self, folder: Path) -> nn.Sequential:
        """Return the classifier that `save` wrote, equal to the last bit."""
        with torch.device("meta"):
            model = self._network()
        model.load_state_dict(load_file(folder / MODEL_FILE), assign=True)
        return model.eval()

    def model_bytes(self) -> int:
        """Return four bytes a parameter, and those of a header."""
        with torch.device("meta"):
            return 4 * sum(parameter.numel() for parameter in self._network().parameters()) + 1024

    def _initial_model(self, seed: int) -> nn.Sequential:
        with torch.random.fork_rng(devices=[]):  # layers draw their first weights from torch's own generator
            torch.manual_seed(seed)
            return self._network()

    def _network(self) -> nn.Sequential:
        sizes = [self.splits.train["x"][0].numel(), *self.config.hidden]
        layers = [part for pair in pairwise(sizes) for part in (nn.Linear(*pair), nn.ReLU())]
        return nn.Sequential(nn.Flatten(), *layers, nn.Linear(sizes[-1], self.classes))

    def _confidence_of_some(self, model: nn.Sequential, samples: Samples, rng: torch.Generator) -> Tensor:
        some = samples.take(torch.randperm(len(samples), generator=rng)[:ADAPTING_IMAGES])
        device = next(model.parameters()).device
        with torch.no_grad():
            nll = functional.cross_entropy(model(some["x"].to(device)), some["y"].to(device), reduction="none")
        return torch.exp(-nll)
