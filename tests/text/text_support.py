"""A small adapter on a text of its own, and fits of it that take a second."""

from pathlib import Path

import torch
from torch import Tensor

from fortifai import objectives
from fortifai.contract.modality import Fit
from fortifai.contract.samples import Samples
from fortifai.modalities.text.adapter import LanguageModelAdapter
from fortifai.modalities.text.config import LanguageModelConfig, TextData, Training
from fortifai.modalities.text.model.network import LanguageModel
from fortifai.objectives import Objective
from fortifai.randomness import stream

BLOCK = 16
BLOCKS = 24
SMALL = {"vocabulary": 256, "hidden_size": 16, "intermediate_size": 32, "layers": 1, "heads": 2}
BRIEF = {"learning_rate": 3e-3, "batch": 4, "epochs": 2}


def adapter_of(
    text: Path, *, model: dict[str, object] | None = None, order: str = "shuffled", **training: object
) -> LanguageModelAdapter:
    """Bind a model of one layer, with these settings of its own and of its training, to a text in blocks of 16 bytes."""
    config = LanguageModelConfig.model_validate({**SMALL, **(model or {}), "training": Training(**BRIEF | training)})
    return LanguageModelAdapter(config, TextData(source=str(text), block=BLOCK, order=order))


def fit(
    adapter: LanguageModelAdapter,
    objective: str | Objective = "ce",
    *,
    samples: Samples | None = None,
    init: LanguageModel | None = None,
    checkpoints: Path | None = None,
    seed: int = 0,
) -> Fit[LanguageModel]:
    """Fit to the first 24 real blocks, or to other samples."""
    samples = adapter.splits.train.take(slice(BLOCKS)) if samples is None else samples
    return adapter.fit(samples, objectives.resolve(objective), init, stream(seed, "fit"), checkpoints)


def weights(model: LanguageModel) -> Tensor:
    """All parameters in one row."""
    return torch.cat([p.detach().reshape(-1) for p in model.network.parameters()])
