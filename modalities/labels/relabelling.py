"""What adapters share whose images stay while their labels are given anew: of whole images, or of every pixel."""

from abc import abstractmethod
from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path
from typing import ClassVar, Generic, TypeVar

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional

from fortifai.config import Frozen, Sampling
from fortifai.contract.modality import Fit, Likelihood, Modality
from fortifai.contract.samples import Samples
from fortifai.device import device_of
from fortifai.errors import Diverged, UserError
from fortifai.objectives import Objective
from fortifai.randomness import integer_seed

from ..image.elements import MaskCount
from .config import RelabellingConfig

ConfigT = TypeVar("ConfigT", bound=RelabellingConfig)
DataT = TypeVar("DataT", bound=Frozen)
NetworkT = TypeVar("NetworkT", bound=nn.Module)


class RelabellingAdapter(Modality[ConfigT, DataT, Sampling, NetworkT], Generic[ConfigT, DataT, NetworkT]):
    """Networks that give labels. Samples hold ``x``, images, and ``y``, their labels, in one integer each.

    A sample is an image with what is said of it: the image stays, and its labels are drawn from the model, at a temperature below
    1 more sharply; near 0 they are the likeliest classes. An element is a label, and confidence in it its probability.
    """

    model_file: ClassVar[str]
    """The name of the file that a model is saved in."""

    adapting: ClassVar[int]
    """Images that a threshold is estimated on before every epoch."""

    at_once: ClassVar[int]
    """Images at a time where no gradient is needed."""

    @abstractmethod
    def network(self) -> NetworkT:
        """Return a network with random weights, drawn from torch's own generator. It maps ``x`` to logits, (n, classes, ...)."""

    def label_nll(self, logits: Tensor, y: Tensor) -> Tensor:
        """Return -log p of labels in nats, (n, ...).

        Args:
            logits: Of every class, float32 (n, classes, ...).
            y: The labels, integers (n, ...).
        """
        return functional.cross_entropy(logits, y, reduction="none")

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
        init: NetworkT | None,
        rng: torch.Generator,
        checkpoints: Path | None = None,
    ) -> Fit[NetworkT]:
        """Train by Adam on from ``init``, or from random weights without one. Keeps no checkpoints.

        Raises:
            Diverged: A loss is not finite.
        """
        device = device_of(self.config.device)
        model = (self._initial_model(integer_seed(rng)) if init is None else deepcopy(init)).to(device).train()
        epochs = self.config.fit_passes(warm=init is not None)
        optimizer = torch.optim.Adam(model.parameters(), lr=self.config.learning_rate, weight_decay=self.config.weight_decay)
        masks = MaskCount()
        for _ in range(epochs):
            current = objective.adapt_to(lambda: self._confidence_of_some(model, samples, rng))
            for index in torch.randperm(len(samples), generator=rng).split(self.config.batch):
                batch = samples.take(index)
                nll = self.label_nll(model(batch["x"].to(device)), batch["y"].to(device))
                confidence = torch.exp(-nll.detach())
                masks.add(current, confidence)
                weight = batch.weights().to(device, torch.float32).view(-1, *[1] * (nll.ndim - 1))
                value = current.loss(weight * nll, torch.exp(-nll) if nll.requires_grad else confidence)
                if not torch.isfinite(value):
                    raise Diverged(f"the loss is {float(value.detach())}")
                optimizer.zero_grad(set_to_none=True)
                value.backward()
                optimizer.step()
        return Fit(model.eval().cpu(), masks.share, {"epochs": float(epochs)})

    def sample(self, model: NetworkT, source: Samples, sampling: Sampling, rng: torch.Generator) -> Mapping[str, Tensor]:
        """Return the images of ``source`` with labels drawn from the model, by probabilities to the power of 1 / temperature."""
        logits = self.logits(model, source["x"]).double() / sampling.temperature
        uniform = torch.rand(logits.shape, generator=rng, dtype=torch.float64).clamp(min=torch.finfo(torch.float64).tiny)
        # Gumbel's trick: the argmax is a draw from the softmax.
        drawn = (logits - uniform.log().neg().log()).argmax(1)
        return {"x": source["x"], "y": drawn.to(source["y"].dtype)}

    def likelihood(self, model: NetworkT, samples: Samples) -> Likelihood:
        """Return -log p(label given the image) in nats, and that p in [0, 1], of every label: (n, ...) each."""
        nll = self.label_nll(self.logits(model, samples["x"]), samples["y"])
        return Likelihood(nll, torch.exp(-nll))

    @torch.no_grad()
    def logits(self, model: NetworkT, x: Tensor) -> Tensor:
        """Return the logits of every class, float32 (n, classes, ...), on the CPU.

        Args:
            model: The network.
            x: Images, float32 (n, C, H, W) in [0, 1].
        """
        device = device_of(self.config.device)
        model.eval().to(device)
        try:
            return torch.cat([model(part.to(device)).cpu() for part in x.split(self.at_once)])
        finally:
            model.cpu()

    def save(self, model: NetworkT, folder: Path) -> None:
        """Write one safetensors file."""
        save_file(model.state_dict(), folder / self.model_file)

    def load_model(self, folder: Path) -> NetworkT:
        """Return the network that `save` wrote, equal to the last bit."""
        with torch.device("meta"):
            model = self.network()
        model.load_state_dict(load_file(folder / self.model_file), assign=True)
        return model.eval()

    def model_bytes(self) -> int:
        """Return the bytes of the parameters and of what else is saved, and those of a header."""
        with torch.device("meta"):
            tensors = self.network().state_dict().values()
        content: int = sum(tensor.numel() * tensor.element_size() for tensor in tensors)
        return content + 128 * max(8, len(tensors))

    def _initial_model(self, seed: int) -> NetworkT:
        with torch.random.fork_rng(devices=[]):  # layers draw their first weights from torch's own generator
            torch.manual_seed(seed)
            return self.network()

    def _confidence_of_some(self, model: NetworkT, samples: Samples, rng: torch.Generator) -> Tensor:
        some = samples.take(torch.randperm(len(samples), generator=rng)[: self.adapting])
        device = next(model.parameters()).device
        model.eval()  # or it would learn from these images: a normalisation's running averages
        with torch.no_grad():
            confidence = torch.exp(-self.label_nll(model(some["x"].to(device)), some["y"].to(device)))
        model.train()
        return confidence
