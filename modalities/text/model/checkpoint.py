"""Checkpoints inside a fit: safetensors and JSON from which a long fit resumes as if it had not been stopped."""

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

NETWORK_FILE = "network.safetensors"
OPTIMIZER_FILE = "optimizer.safetensors"
BEST_FILE = "best.safetensors"
PROGRESS_FILE = "progress.json"


@dataclass
class Progress:
    """Where a fit stands.

    Attributes:
        objective: That of the current epoch, its threshold estimated.
        step: Steps taken.
        tokens: Tokens trained on, each as often as it was.
        masked: How many of them the objective masked.
        best_epoch: The epoch that is kept, counted from 0.
        best_score: What its judge says of it; higher is better.
        best: Its weights by name; None while no epoch has been judged.
        last: The weights of the last epoch, once the fit is over and has kept another one.
    """

    objective: Objective
    step: int = 0
    tokens: int = 0
    masked: int = 0
    best_epoch: int = 0
    best_score: float = -math.inf
    best: dict[str, Tensor] | None = None
    last: dict[str, Tensor] | None = None


class Checkpoints:
    """The checkpoints of one fit, in a folder; None: no checkpoints are written or read."""

    def __init__(self, folder: Path | None, network: PreTrainedModel, optimizer: torch.optim.Optimizer) -> None:
        """Watch over a fit.

        Args:
            folder: Where checkpoints are; made when the first one is written.
            network: The network that is trained.
            optimizer: What trains it.
        """
        self._folder = folder
        self._network = network
        self._optimizer = optimizer
        self._saved = time.monotonic()

    def resume(self, objective: Objective) -> Progress:
        """Put network and optimizer where the last checkpoint left them; without one they stay as they are.

        Args:
            objective: The fit's. That of an epoch is read from the checkpoint if it was estimated, since the weights that it was
                estimated from are gone.

        Returns:
            How far the fit was: nowhere, if there is no checkpoint.
        """
        if self._folder is None or not self._folder.exists():
            return Progress(objective)
        load_model(self._network, self._folder / NETWORK_FILE)
        state: dict[int, dict[str, Tensor]] = {}
        for name, value in load_file(self._folder / OPTIMIZER_FILE).items():
            index, _, key = name.partition(".")
            state.setdefault(int(index), {})[key] = value
        groups = self._optimizer.state_dict()["param_groups"]
        self._optimizer.load_state_dict({"state": state, "param_groups": groups})
        stored = json.loads((self._folder / PROGRESS_FILE).read_text())
        estimated = stored.pop("objective")
        if objective.adaptive:
            # Not validated, so that the threshold is the same to the last bit.
            objective = objectives.registry.get(estimated["name"]).model_construct(**estimated["settings"])
        best = self._folder / BEST_FILE
        return Progress(objective, **stored, best=load_file(best) if best.exists() else None)

    def save_if_due(self, progress: Progress) -> None:
        """Write a checkpoint if the last one is long ago; the one before it stays until this one is complete."""
        if self._folder is not None and time.monotonic() - self._saved >= SECONDS:
            self.save(self._folder, progress)
            self._saved = time.monotonic()

    def save(self, folder: Path, progress: Progress) -> None:
        """Write a checkpoint.

        Args:
            folder: Where it takes the place of the one before it.
            progress: How far the fit is.
        """
        state = self._optimizer.state_dict()["state"]
        moments = {f"{i}.{key}": value.contiguous() for i, values in state.items() for key, value in values.items()}
        stored = {
            "objective": {"name": progress.objective.name, "settings": progress.objective.model_dump(mode="json")},
            "step": progress.step,
            "tokens": progress.tokens,
            "masked": progress.masked,
            "best_epoch": progress.best_epoch,
            "best_score": progress.best_score,
        }
        with new_folder(folder) as new:
            save_model(self._network, str(new / NETWORK_FILE))
            save_file(moments, new / OPTIMIZER_FILE)
            if progress.best is not None:
                save_file({name: value.clone() for name, value in progress.best.items()}, new / BEST_FILE)
            (new / PROGRESS_FILE).write_text(json.dumps(stored))
