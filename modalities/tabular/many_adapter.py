"""Many chains of Gaussian mixtures as one: the tabular adapter, for samples with a chain axis.

A batch is one chain of the protocol whose samples are (n, C, D), as in the analytic modalities: every chain has its own order of
the training pool, its own draws and its own mixture. The C chains share which positions of the pool a strategy draws, which
changes nothing in distribution, since each has an order of its own. What a record summarises is the first chain.

It is no modality of its own: its numbers are those of the chains alone to rounding, and not to the last bit, which a run needs.
"""

from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from fortifai.config import Sampling
from fortifai.contract.modality import Fit, Likelihood, Modality
from fortifai.contract.samples import Samples, Splits
from fortifai.errors import UserError
from fortifai.objectives import Objective, Selective
from fortifai.randomness import integer_seed, stream

from . import em, many_em
from .adapter import MODEL_FILE, GaussianMixtureAdapter
from .config import MixtureConfig, TableData
from .many import Mixtures


class ManyMixturesAdapter(Modality[MixtureConfig, TableData, Sampling, Mixtures]):
    """Gaussian mixtures of C chains, on the CPU. Samples hold ``x``, float64 (n, C, D); held-out ones, the same for all, (n, D).

    Confidence is that of `GaussianMixtureAdapter`.
    """

    density = True

    def __init__(self, config: MixtureConfig, data: TableData, chains: int, seed: int = 0) -> None:
        """Load a table, and shuffle its training pool for every chain.

        Args:
            config: The mixture.
            data: The table.
            chains: C, >= 1.
            seed: Of the shuffles.

        Raises:
            UserError: The table is missing or unusable, or there is no chain.
        """
        if chains < 1:
            raise UserError(f"{chains} chains: there must be at least one")
        self._alone = GaussianMixtureAdapter(config, data)
        pool, validation, test = (part["x"] for part in vars(self._alone.splits).values() if isinstance(part, Samples))
        orders = [torch.randperm(len(pool), generator=stream("tabular", "chains", seed, c)) for c in range(chains)]
        train = pool[torch.stack(orders, 1)]
        super().__init__(config, Splits(*(Samples.real(x=x) for x in (train, validation, test))))

    def check(self, n: int) -> None:
        """Raise UserError as `GaussianMixtureAdapter.check` does."""
        self._alone.check(n)

    def fit(
        self,
        samples: Samples,
        objective: Objective,
        init: Mixtures | None,
        rng: torch.Generator,
        checkpoints: Path | None = None,
    ) -> Fit[Mixtures]:
        """Run EM from ``init``, or in each chain from k-means without one; see `many_em.fit`."""
        x, weight = samples["x"], samples.weights()
        if init is None:
            starts = [em.k_means_start(own, weight, self.config, integer_seed(rng)) for own in x.unbind(1)]
            init = Mixtures.stack(starts)
        fitted = many_em.fit(x, weight, objective, init, self.config)
        notes = {
            "em_iterations": float(fitted.iterations.double().mean()),
            "em_converged": float(fitted.converged.double().mean()),
        }
        return Fit(fitted.mixtures, float(fitted.masked_share.mean()), notes)

    def sample(self, model: Mixtures, source: Samples, sampling: Sampling, rng: torch.Generator) -> dict[str, Tensor]:
        """Draw as many rows of every chain as ``source`` has; a temperature multiplies every covariance."""
        return {"x": model.draw(len(source), sampling.temperature, rng)}

    def likelihood(self, model: Mixtures, samples: Samples) -> Likelihood:
        """Return -log p(x) in nats and p(x)^(1/D), (n,) each, of the first chain."""
        return self._alone.likelihood(model.chain(0), Samples.real(x=_of(samples["x"], 0)))

    def anchors(self, model: Mixtures, objective: Objective, q: float) -> Tensor:
        """Return the anchors of every chain, one chain behind the other; see `GaussianMixtureAdapter.anchors`."""
        if isinstance(objective, Selective) and objective.unit == "row":
            return torch.cat([self._alone.anchors(model.chain(c), objective, q) for c in range(len(model.weights))])
        return torch.exp(model.log_modes() / model.means.shape[-1]).reshape(-1)

    def save(self, model: Mixtures, folder: Path) -> None:
        """Write weights, means and covariances as one safetensors file."""
        save_file({name: tensor.contiguous() for name, tensor in vars(model).items()}, folder / MODEL_FILE)

    def load_model(self, folder: Path) -> Mixtures:
        """Return the mixtures that `save` wrote, equal to the last bit."""
        return Mixtures(**load_file(folder / MODEL_FILE))


def _of(x: Tensor, chain: int) -> Tensor:
    """Return one chain's rows, of samples (n, C, D), or of held-out ones (n, D), which all chains share."""
    return x[:, chain] if x.ndim == 3 else x
