"""Checkpoints inside a fit: safetensors and JSON from which a long fit goes on as if it had not been stopped."""

import json
import math
import time
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file, load_model, save_file, save_model
from torch import Tensor
from transformers import PreTrainedModel

from fortifai import objectives
from fortifai.files import new_folder
from fortifai.objectives import Objective

SECONDS = 300.0
"""Time between two checkpoints; a fit that takes less writes none."""

BEST_FILE = "best.safetensors"


@dataclass
class Progress:
    """Where a fit stands: the objective of this epoch, what it trained on, and the best weights so far."""

    objective: Objective
    step: int = 0
    tokens: int = 0
    masked: int = 0
    best_epoch: int = 0
    best_score: float = -math.inf
    best: dict[str, Tensor] | None = None


class Checkpoints:
    """The checkpoints of one fit, in a folder; without one, nothing is kept."""

    def __init__(self, folder: Path | None, network: PreTrainedModel, optimizer: torch.optim.Optimizer) -> None:
        self._folder = folder
        self._network = network
        self._optimizer = optimizer
        self._saved = time.monotonic()

    def resume(self) -> Progress | None:
        """Put network and optimizer where the last checkpoint left them, and give how far that was; None without one."""
        if self._folder is None or not self._folder.exists():
            return None
        load_model(self._network, self._folder / "network.safetensors")
        state: dict[int, dict[str, Tensor]] = {}
        for name, value in load_file(self._folder / "optimizer.safetensors").items():
            index, _, key = name.partition(".")
            state.setdefault(int(index), {})[key] = value
        groups = self._optimizer.state_dict()["param_groups"]
        self._optimizer.load_state_dict({"state": state, "param_groups": groups})
        kept = json.loads((self._folder / "progress.json").read_text())
        named = kept.pop("objective")
        # As it was, to the last bit: an adaptive threshold was estimated from weights that are gone.
        objective = objectives.registry.get(named["name"]).model_construct(**named["settings"])
        best = self._folder / BEST_FILE
        return Progress(objective, **kept, best=load_file(best) if best.exists() else None)

    def save_now_and_then(self, done: Progress) -> None:
        """Write a checkpoint when the last one is long ago; the one before it stays until this one is whole."""
        if self._folder is not None and time.monotonic() - self._saved >= SECONDS:
            self.save(self._folder, done)
            self._saved = time.monotonic()

    def save(self, folder: Path, done: Progress) -> None:
        """Write a checkpoint."""
        state = self._optimizer.state_dict()["state"]
        moments = {f"{i}.{key}": value.contiguous() for i, values in state.items() for key, value in values.items()}
        settings = done.objective.model_dump(mode="json")
        progress = {
            "objective": {"name": done.objective.name, "settings": settings},
            "step": done.step,
            "tokens": done.tokens,
            "masked": done.masked,
            "best_epoch": done.best_epoch,
            "best_score": done.best_score,
        }
        with new_folder(folder) as new:
            save_model(self._network, str(new / "network.safetensors"))
            save_file(moments, new / "optimizer.safetensors")
            if done.best is not None:
                save_file({name: value.clone() for name, value in done.best.items()}, new / BEST_FILE)
            (new / "progress.json").write_text(json.dumps(progress))
