"""Weighted sums of models, by the files that an adapter saves them as."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, TypeVar

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from fortifai.errors import Diverged

if TYPE_CHECKING:
    from fortifai.contract.modality import Modality


ModelT = TypeVar("ModelT")


def weighted_sum(adapter: "Modality[Any, Any, Any, ModelT]", models: Sequence[ModelT], weights: Sequence[float]) -> ModelT:
    """Return the model whose floating-point parameters are weighted sums of those of others.

    What is not a floating-point number, such as a count, is the first model's. The sum is taken in double precision.

    Args:
        adapter: Whose models they are; it writes and reads them.
        models: At least one, of one architecture.
        weights: One for each model.

    Raises:
        Diverged: A parameter is not finite.
    """
    with TemporaryDirectory(prefix="fortifai-models-") as name:
        folders = [Path(name) / str(place) for place in range(len(models))]
        for model, folder in zip(models, folders, strict=True):
            folder.mkdir()
            adapter.save(model, folder)
        result = Path(name) / "sum"
        shutil.copytree(folders[0], result)
        for file in sorted(result.rglob("*.safetensors")):
            parts = [_read(folder / file.relative_to(result)) for folder in folders]
            tensors = {key: _sum([tensors[key] for tensors, _ in parts], weights) for key in parts[0][0]}
            if not all(bool(torch.isfinite(tensor).all()) for tensor in tensors.values()):
                raise Diverged("a parameter of the extrapolated model is not finite")
            save_file(tensors, file, metadata=parts[0][1])
        return adapter.load_model(result)


def _read(file: Path) -> tuple[dict[str, Tensor], dict[str, str] | None]:
    with safe_open(file, framework="pt") as content:
        return {key: content.get_tensor(key) for key in content.keys()}, content.metadata()  # noqa: SIM118 (it is no dict)


def _sum(tensors: Sequence[Tensor], weights: Sequence[float]) -> Tensor:
    first = tensors[0]
    if not first.is_floating_point():
        return first
    total = sum(weight * tensor.double() for weight, tensor in zip(weights, tensors, strict=True))
    return torch.as_tensor(total).to(first.dtype).contiguous()
