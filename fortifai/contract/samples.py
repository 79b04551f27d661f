"""Data of any modality: tensors that share their first dimension, and the three splits of real data."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Self

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

REAL = -1
"""The origin of a real sample; a synthetic one carries the number of the generation that made it."""


@dataclass(frozen=True)
class Samples:
    """Data of any modality: tensors that share their first dimension n, the number of samples.

    Attributes:
        data: Named tensors, each (n, ...).
        origin: int64 (n,), `REAL` or the generation that made the sample.
        weight: float64 (n,), non-negative, or None where every sample counts the same.
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
        """Return real data, tensors (n, ...), as samples of origin `REAL`."""
        return cls._of_origin(data, REAL)

    @classmethod
    def synthetic(cls, data: Mapping[str, Tensor], generation: int) -> Self:
        """Return what a generation made, tensors (n, ...), as unweighted samples stamped with its number."""
        return cls._of_origin(data, generation)

    @classmethod
    def concat(cls, parts: Sequence[Self]) -> Self:
        """Join samples in order; where only some carry weights, the others weigh 1.

        Raises:
            ValueError: The parts do not hold the same tensors.
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
        return self.origin.shape[0]  # a tenth of the time of len(), which asks whether a tracer is at work

    def __getitem__(self, name: str) -> Tensor:
        return self.data[name]

    def take(self, index: Tensor | slice) -> Self:
        """Return the samples at these positions, int64 (m,) or a slice, in that order."""
        weight = None if self.weight is None else self.weight[index]
        return replace(self, data={k: v[index] for k, v in self.data.items()}, origin=self.origin[index], weight=weight)

    def weighted(self, weight: Tensor) -> Self:
        """Return the same data with these weights, (n,), in place of its own."""
        return replace(self, weight=weight.to(torch.float64))

    def weights(self) -> Tensor:
        """Return the weight of every sample, float64 (n,): ones where none were set."""
        return torch.ones(len(self), dtype=torch.float64) if self.weight is None else self.weight

    def is_real(self) -> Tensor:
        """Return which samples are real, bool (n,)."""
        return self.origin == REAL

    def is_finite(self) -> bool:
        """Return whether no value of the data is NaN or infinite."""
        return all(_all_finite(tensor) for tensor in self.data.values())

    def nbytes(self) -> int:
        """Return the bytes that the tensors take in memory, and within a few hundred bytes on disk."""
        return sum(tensor.numel() * tensor.element_size() for tensor in self._tensors().values())

    def fingerprint(self) -> str:
        """Return a SHA-256 over names, types, shapes and bytes of the data, origin and weights."""
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
        """Return what `save` wrote, equal to the last bit."""
        with safe_open(path, framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a mapping)
        data = {name.removeprefix("data."): t for name, t in tensors.items() if name.startswith("data.")}
        return cls(data, tensors["origin"], tensors.get("weight"))

    @classmethod
    def _of_origin(cls, data: Mapping[str, Tensor], origin: int) -> Self:
        n = len(next(iter(data.values())))
        return cls(data, torch.full((n,), origin))

    def _tensors(self) -> dict[str, Tensor]:
        named = {f"data.{name}": tensor for name, tensor in self.data.items()}
        named["origin"] = self.origin
        if self.weight is not None:
            named["weight"] = self.weight
        return named


@dataclass(frozen=True)
class Splits:
    """Real data: the pool that training draws from, and two held-out parts that no model ever trains on.

    Attributes:
        train: The pool.
        validation: For whatever is selected.
        test: For what is measured.
        in_order: Whether the pool is dealt to the generations in its own order, such as that of a text, instead of shuffled. An
            adapter that sets it does so by a field of its data configuration, so that it is part of every chain's identity.
    """

    train: Samples
    validation: Samples
    test: Samples
    in_order: bool = field(default=False, kw_only=True)

    def data_hash(self) -> str:
        """Return the hash of all three parts, 16 hexadecimal digits, which enters every chain id."""
        parts = [self.train.fingerprint(), self.validation.fingerprint(), self.test.fingerprint()]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]


def _all_finite(tensor: Tensor) -> bool:
    # A NaN or an infinity stays in a sum, so a finite sum has none; it costs a twentieth of looking at each value.
    if not (tensor.is_floating_point() or tensor.is_complex()) or bool(torch.isfinite(tensor.sum())):
        return True
    return bool(torch.isfinite(tensor).all())  # or a sum of large numbers left the finite ones
