"""The tabular adapter: Gaussian mixtures on tables of numbers."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from fortifai.config import Sampling
from fortifai.contract.modality import Fit, Modality
from fortifai.contract.samples import Samples, Splits
from fortifai.errors import UserError
from fortifai.objectives import Objective
from fortifai.randomness import integer_seed

from . import data as tables
from . import em
from .config import MixtureConfig, TableData
from .mixture import GaussianMixture

MODEL_FILE = "mixture.safetensors"


class GaussianMixtureAdapter(Modality[GaussianMixture]):
    """Gaussian mixtures fitted by EM. Samples hold one tensor, ``x``: float64 (n, D). Models live on the CPU."""

    config: MixtureConfig

    def load(self, data: TableData) -> Splits:
        """Load a bundled table or a user's file; see `TableData`."""
        return tables.load(data)

    def check(self, n: int, splits: Splits) -> None:
        """Refuse an n below the number of components, not above that of columns, or beyond the pool, and an absent device."""
        self._device()
        columns, pool = splits.train["x"].shape[1], len(splits.train)
        if n < self.config.components:
            raise UserError(f"n = {n} samples are too few for {self.config.components} components: raise n or lower components")
        if n <= columns:
            raise UserError(f"n = {n} samples are too few for {columns} columns: n must be at least {columns + 1}")
        if n > pool:
            raise UserError(f"n = {n} real samples are asked for, and the training pool has {pool}: lower n")

    def fit(
        self,
        samples: Samples,
        validation: Samples,
        objective: Objective,
        init: GaussianMixture | None,
        rng: torch.Generator,
    ) -> Fit[GaussianMixture]:
        """Run EM from ``init``, or from k-means without one. Validation data is not used."""
        device = self._device()
        x, weight = samples["x"].to(device), samples.weights().to(device)
        start = em.k_means_start(x, weight, self.config, integer_seed(rng)) if init is None else init.to(device)
        fitted = em.fit(x, weight, objective, start, self.config)
        notes = {"em_iterations": float(fitted.iterations), "em_converged": float(fitted.converged)}
        return Fit(fitted.mixture.to(torch.device("cpu")), fitted.masked_share, notes)

    def sample(self, model: GaussianMixture, source: Samples, sampling: Sampling, rng: torch.Generator) -> Samples:
        """Draw as many rows as ``source`` has; a temperature multiplies every component's covariance."""
        drawn = model.draw(len(source), sampling.temperature, rng)
        return Samples({"x": drawn}, source.origin)  # the protocol stamps the generation

    def nll(self, model: GaussianMixture, samples: Samples) -> Tensor:
        """-log p(x) of every row, (n,), in nats."""
        device = self._device()
        return -model.to(device).log_density(samples["x"].to(device)).cpu()

    def confidence(self, model: GaussianMixture, samples: Samples) -> Tensor:
        """The density of every row relative to its component's mode, averaged over components by responsibility, (n,).

        This is the mean over a row's elements (row, component), which is what EM truncates, each counted by its
        responsibility. The most likely component's alone would jump where two components meet.
        """
        device = self._device()
        return model.to(device).confidence(samples["x"].to(device)).cpu()

    def save(self, model: GaussianMixture, folder: Path) -> None:
        """Write one safetensors file."""
        save_file({name: tensor.contiguous() for name, tensor in _tensors(model).items()}, folder / MODEL_FILE)

    def load_model(self, folder: Path) -> GaussianMixture:
        """Read it back."""
        return GaussianMixture(**load_file(folder / MODEL_FILE))

    def model_bytes(self, splits: Splits) -> int:
        """Eight bytes a parameter, and a header."""
        columns = splits.train["x"].shape[1]
        return 8 * self.config.components * (1 + columns + columns**2) + 256

    def _device(self) -> torch.device:
        name, found = self.config.device, torch.cuda.is_available()
        if name.startswith("cuda") and not found:
            raise UserError(f"device {name!r} is not available on this machine; use auto or cpu")
        return torch.device(name if name != "auto" else "cuda" if found else "cpu")


def _tensors(model: GaussianMixture) -> Mapping[str, Any]:
    return {"weights": model.weights, "means": model.means, "covariances": model.covariances}
