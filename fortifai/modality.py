"""The adapter contract: the few questions that the protocol asks of a modality, and the data that passes between them.

An adapter is found by an entry point of group ``fortifai.modalities`` that names a `ModalityDeclaration`. The declaration
imports no torch, so that listing and validating are instant; the adapter class is imported when a chain runs.
"""

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar, Generic, Self, TypeVar

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from fortifai.config import Sampling
from fortifai.needs import Need
from fortifai.objectives import Objective

REAL = -1
"""The origin of a real sample; a synthetic one carries the number of the generation that made it."""

M = TypeVar("M")


@dataclass(frozen=True)
class Samples:
    """Data of any modality: tensors that share their first dimension n.

    ``data``: named tensors, each (n, ...). ``origin``: int64 (n,), REAL or the generation that made the sample.
    ``weight``: float64 (n,), non-negative, or None where every sample counts the same.
    """

    data: Mapping[str, Tensor]
    origin: Tensor
    weight: Tensor | None = None

    def __post_init__(self) -> None:
        sizes = {name: len(tensor) for name, tensor in self._tensors().items()}
        if not self.data or len(set(sizes.values())) != 1:
            raise ValueError(f"tensors of Samples must share their first dimension, and there must be one: {sizes}")

    @classmethod
    def real(cls, **data: Tensor) -> Self:
        """Wrap real data."""
        n = len(next(iter(data.values())))
        return cls(data, torch.full((n,), REAL))

    @classmethod
    def concat(cls, parts: Sequence[Self]) -> Self:
        """Join samples in order; where only some carry weights, the others weigh 1.

        Raises ValueError when the parts do not hold the same tensors.
        """
        if len({frozenset(part.data) for part in parts}) != 1:
            raise ValueError(f"Samples to join must hold the same tensors: {[sorted(part.data) for part in parts]}")
        weighted = any(part.weight is not None for part in parts)
        return cls(
            {name: torch.cat([part.data[name] for part in parts]) for name in parts[0].data},
            torch.cat([part.origin for part in parts]),
            torch.cat([part.weights() for part in parts]) if weighted else None,
        )

    def __len__(self) -> int:
        return len(self.origin)

    def __getitem__(self, name: str) -> Tensor:
        return self.data[name]

    def take(self, index: Tensor | slice) -> Self:
        """Give the samples at these positions."""
        weight = None if self.weight is None else self.weight[index]
        return replace(self, data={k: v[index] for k, v in self.data.items()}, origin=self.origin[index], weight=weight)

    def made_by(self, generation: int) -> Self:
        """Give the same data, unweighted, stamped as the output of a generation."""
        return replace(self, origin=torch.full((len(self),), generation), weight=None)

    def weighted(self, weight: Tensor) -> Self:
        """Give the same data with these weights, float64 (n,)."""
        return replace(self, weight=weight.to(torch.float64))

    def weights(self) -> Tensor:
        """Give the weight of every sample, float64 (n,), ones where none were set."""
        return torch.ones(len(self), dtype=torch.float64) if self.weight is None else self.weight

    def is_real(self) -> Tensor:
        """Tell which samples are real, bool (n,)."""
        return self.origin == REAL

    def is_finite(self) -> bool:
        """Tell whether no value is NaN or infinite."""
        return all(bool(torch.isfinite(tensor).all()) for tensor in self.data.values())

    def nbytes(self) -> int:
        """Bytes that the tensors take in memory, and within a few hundred bytes on disk."""
        return sum(tensor.numel() * tensor.element_size() for tensor in self._tensors().values())

    def fingerprint(self) -> str:
        """Give a SHA-256 over names, types, shapes and bytes of the data, origin and weights."""
        digest = hashlib.sha256()
        for name, tensor in sorted(self._tensors().items()):
            digest.update(f"{name}|{tensor.dtype}|{tuple(tensor.shape)}|".encode())
            digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
        return digest.hexdigest()

    def save(self, path: Path) -> None:
        """Write the samples as one safetensors file."""
        save_file({name: tensor.detach().cpu().contiguous() for name, tensor in self._tensors().items()}, path)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read what `save` wrote, to the last bit."""
        with safe_open(path, framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a mapping)
        data = {name.removeprefix("data."): t for name, t in tensors.items() if name.startswith("data.")}
        return cls(data, tensors["origin"], tensors.get("weight"))

    def _tensors(self) -> dict[str, Tensor]:
        named = {f"data.{name}": tensor for name, tensor in self.data.items()}
        named["origin"] = self.origin
        if self.weight is not None:
            named["weight"] = self.weight
        return named


@dataclass(frozen=True)
class Splits:
    """Real data of a suite: the pool that training draws from, and two held-out parts that no model ever trains on."""

    train: Samples
    validation: Samples
    test: Samples

    def data_hash(self) -> str:
        """Give the hash of all three parts, which enters every chain id."""
        parts = [self.train.fingerprint(), self.validation.fingerprint(), self.test.fingerprint()]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Fit(Generic[M]):
    """What training gives: the model, the share of elements the objective masked, and the adapter's own notes."""

    model: M
    masked_share: float
    notes: Mapping[str, float] = field(default_factory=dict)


class Modality(ABC, Generic[M]):
    """What an adapter answers. Stateless between calls: everything a chain remembers is in Samples and models.

    ``config`` is an instance of the declaration's configuration class. Every random draw comes from the ``rng`` given.
    """

    categorical: ClassVar[bool] = False
    """Whether an element is one of a number of categories: then the confidence in it is exp(-nll), and is not asked for."""

    def __init__(self, config: Any) -> None:
        self.config = config

    def needs(self, data: Any) -> Sequence[Need]:
        """Say what `load` and `fit` need that not every machine has, such as data or weights of a hub, and what of it is missing.

        The default: nothing. Raises UserError for what is wrong rather than missing.
        """
        return ()

    @abstractmethod
    def load(self, data: Any) -> Splits:
        """Load the real data that ``data`` (the declaration's data class) names, split the same way every time.

        Raises UserError for a file that is missing or unusable.
        """

    @abstractmethod
    def check(self, n: int, splits: Splits) -> None:
        """Raise UserError when this configuration cannot be trained on n samples of this data."""

    @abstractmethod
    def fit(self, samples: Samples, validation: Samples, objective: Objective, init: M | None, rng: torch.Generator) -> Fit[M]:
        """Train on weighted samples under an objective, from scratch or from the weights of ``init``.

        Raises Diverged when training leaves the finite numbers.
        """

    def fit_resumably(
        self,
        samples: Samples,
        validation: Samples,
        objective: Objective,
        init: M | None,
        rng: torch.Generator,
        checkpoints: Path | None,
    ) -> Fit[M]:
        """Train as `fit` does; an adapter whose fits are long keeps checkpoints in a folder, and goes on from what is there.

        The folder is the fit's own, absent until the adapter makes it, and removed once the generation is kept. The default
        keeps none.
        """
        return self.fit(samples, validation, objective, init, rng)

    @abstractmethod
    def sample(self, model: M, source: Samples, sampling: Sampling, rng: torch.Generator) -> Samples:
        """Regenerate ``source``: as many samples as it has. Unconditional models look only at its size."""

    def examples(self, model: M, samples: Samples, sampling: Sampling) -> Samples:
        """Give what to show of a generation that made ``samples``; the default: just those.

        An unconditional model may draw them from noise that is the same in every generation, so that what stands at one place
        differs by the model alone.
        """
        return samples

    def show(self, samples: Samples, stem: Path) -> None:
        """Write a few of these samples for people to see, as one small file: ``stem`` and an ending such as ``.txt`` or ``.png``.

        Called with each generation's `examples` and with the held-out real samples. A text (UTF-8) and a PNG picture appear in
        the report, any other file is linked there. The default writes nothing.
        """
        return None

    @abstractmethod
    def nll(self, model: M, samples: Samples) -> Tensor:
        """Negative log-likelihood of every element, in nats, any shape whose first dimension is n."""

    @abstractmethod
    def confidence(self, model: M, samples: Samples) -> Tensor:
        """Confidence p_t of the model in every element, in [0, 1]."""

    @abstractmethod
    def save(self, model: M, folder: Path) -> None:
        """Write the model into an existing folder, as safetensors and JSON."""

    @abstractmethod
    def load_model(self, folder: Path) -> M:
        """Read what `save` wrote, to the last bit."""

    @abstractmethod
    def model_bytes(self, splits: Splits) -> int:
        """Bytes of one saved model, for the plan's estimate of disk and memory."""
