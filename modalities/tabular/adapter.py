"""The tabular adapter: Gaussian mixtures on tables of numbers."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from fortifai.config import Sampling
from fortifai.contract.modality import Fit, Likelihood, Modality
from fortifai.contract.samples import Samples
from fortifai.device import device_of
from fortifai.errors import UserError
from fortifai.objectives import Objective, Selective
from fortifai.randomness import integer_seed

from . import em
from .config import MixtureConfig, TableData
from .data import load_table
from .mixture import GaussianMixture, combined
from .scatter import write_scatter

MODEL_FILE = "mixture.safetensors"


class GaussianMixtureAdapter(Modality[MixtureConfig, TableData, Sampling, GaussianMixture]):
    """Gaussian mixtures fitted by EM. Samples hold one tensor, ``x``: float64 (n, D). Models stay on the CPU between calls.

    Confidence is the density of the standardised row, its D-th root: a geometric mean over columns, in units of 1 / standard
    deviation.
    """

    density = True

    def __init__(self, config: MixtureConfig, data: TableData) -> None:
        """Load a bundled table or a user's file; see `TableData`.

        Raises:
            UserError: The table is missing or unusable, with the column and the row at fault.
        """
        super().__init__(config, load_table(data))

    def check(self, n: int) -> None:
        """Raise UserError for an absent device, and for an n that is too small or beyond the training pool.

        Too small is an n below the number of components, or not above that of columns.
        """
        device_of(self.config.device)
        columns, pool = self.splits.train["x"].shape[1], len(self.splits.train)
        if n < self.config.components:
            raise UserError(f"n = {n} samples are too few for {self.config.components} components: raise n or lower components")
        if n <= columns:
            raise UserError(f"n = {n} samples are too few for {columns} columns: n must be at least {columns + 1}")
        if n > pool:
            raise UserError(f"n = {n} real samples are asked for, and the training pool has {pool}: lower n")

    def fit(
        self,
        samples: Samples,
        objective: Objective,
        init: GaussianMixture | None,
        rng: torch.Generator,
        checkpoints: Path | None = None,
    ) -> Fit[GaussianMixture]:
        """Run EM from ``init``, or from k-means without one. Validation data is not used.

        Raises:
            Diverged: The mixture or its likelihood left the finite numbers.
        """
        device = device_of(self.config.device)
        x, weight = samples["x"].to(device), samples.weights().to(device)
        start = em.k_means_start(x, weight, self.config, integer_seed(rng)) if init is None else init.to(device)
        fitted = em.fit(x, weight, objective, start, self.config)
        notes = {"em_iterations": float(fitted.iterations), "em_converged": float(fitted.converged)}
        return Fit(fitted.mixture.to(torch.device("cpu")), fitted.masked_share, notes)

    def sample(self, model: GaussianMixture, source: Samples, sampling: Sampling, rng: torch.Generator) -> dict[str, Tensor]:
        """Draw as many rows as ``source`` has; a temperature multiplies every component's covariance."""
        return {"x": model.draw(len(source), sampling.temperature, rng)}

    def likelihood(self, model: GaussianMixture, samples: Samples) -> Likelihood:
        """Return -log p(x) in nats and p(x)^(1/D), (n,) each, one of every row."""
        x = samples["x"].to(device_of(self.config.device))
        nll = -model.to(x.device).log_joint(x)[0].logsumexp(1)
        return Likelihood(nll.cpu(), torch.exp(-nll / x.shape[1]).cpu())

    def anchors(self, model: GaussianMixture, objective: Objective, q: float) -> Tensor:
        """Return the density of every component at its mean, (K,), and of rows the quantile; see `Modality.anchors`.

        As confidence, it is the D-th root. Fits that start from the last model keep the order of the components.
        """
        if isinstance(objective, Selective) and objective.unit == "row":
            return super().anchors(model, objective, q)
        return torch.exp(model.log_modes() / model.means.shape[1])

    def combined(self, models: Sequence[GaussianMixture], weights: Sequence[float]) -> GaussianMixture:
        """Return weighted sums of means, of logarithms of weights, and of matrix logarithms of covariances.

        So weights stay positive and covariances positive definite, however far a sum extrapolates.

        Raises:
            Diverged: A parameter is not finite.
        """
        return combined(models, weights)

    def show(self, data: Mapping[str, Tensor], stem: Path) -> None:
        """Write the first 300 rows, ``x`` float64 (n, D), as scatters of neighbouring columns, a PNG; nothing of one column."""
        if data["x"].shape[1] > 1:
            write_scatter(data["x"], self.splits.train["x"], stem.with_suffix(".png"))

    def save(self, model: GaussianMixture, folder: Path) -> None:
        """Write weights, means and covariances as one safetensors file."""
        save_file({name: tensor.contiguous() for name, tensor in vars(model).items()}, folder / MODEL_FILE)

    def load_model(self, folder: Path) -> GaussianMixture:
        """Return the mixture that `save` wrote, equal to the last bit."""
        return GaussianMixture(**load_file(folder / MODEL_FILE))

    def model_bytes(self) -> int:
        """Return the bytes of a saved mixture: eight a parameter, and a header."""
        columns = self.splits.train["x"].shape[1]
        return 8 * self.config.components * (1 + columns + columns**2) + 256
