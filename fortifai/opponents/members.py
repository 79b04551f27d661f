"""Several models as one: what an adapter answers when a generation has more than one model."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor

from fortifai.config import Frozen, ModelConfig, Sampling
from fortifai.contract.modality import Fit, Likelihood, Modality
from fortifai.contract.samples import Samples
from fortifai.objectives import CrossEntropy, Objective
from fortifai.randomness import integer_seed

ModelT = TypeVar("ModelT")


class Members(Modality[ModelConfig, Frozen, Sampling, tuple[ModelT, ...]], Generic[ModelT]):
    """An adapter whose models are several of another adapter's: each is fitted, and each makes its part of the samples.

    What it does not answer itself, such as a tokenizer that a metric reads, is the other adapter's.
    """

    def __init__(self, adapter: Modality[ModelConfig, Frozen, Sampling, ModelT], count: int, plain: int, *, split: bool) -> None:
        """Take an adapter that is bound to its data.

        Args:
            adapter: The adapter of one model.
            count: How many models a generation has, >= 2.
            plain: How many of them, the last ones, are fitted by cross entropy whatever the objective.
            split: Whether each model is fitted to a part of its own of the training set, or all of them to the whole of it.
        """
        super().__init__(adapter.config, adapter.splits)
        self._adapter, self._count, self._plain, self._split = adapter, count, plain, split

    @property
    def density(self) -> bool:  # type: ignore[override]  # of a class elsewhere, and here of what it is made with
        """As of the adapter of one model."""
        return self._adapter.density

    @property
    def implicit(self) -> bool:  # type: ignore[override]  # likewise
        """Whether the models have no likelihood."""
        return self._adapter.implicit

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):  # not there yet, while it is copied or unpacked
            raise AttributeError(name)
        return getattr(self._adapter, name)

    @property
    def draws(self) -> int:
        """As of the adapter of one model."""
        return self._adapter.draws

    def check(self, n: int) -> None:
        """Raise UserError if a model cannot be trained on its part of n samples."""
        self._adapter.check(n // self._count if self._split else n)

    def fit(
        self,
        samples: Samples,
        objective: Objective,
        init: tuple[ModelT, ...] | None,
        rng: torch.Generator,
        checkpoints: Path | None = None,
    ) -> Fit[tuple[ModelT, ...]]:
        """Fit every model; notes and the masked share are means over those that the objective holds for."""
        parts = self._parts(samples, rng)
        fits: list[Fit[ModelT]] = []
        for place, part in enumerate(parts):
            own = CrossEntropy() if place >= self._count - self._plain else objective
            folder = None if checkpoints is None else checkpoints / f"member-{place}"
            seeded = torch.Generator().manual_seed(integer_seed(rng))
            fits.append(self._adapter.fit(part, own, None if init is None else init[place], seeded, folder))
        led = fits[: self._count - self._plain] or fits
        notes = {name: sum(fit.notes[name] for fit in led) / len(led) for name in led[0].notes}
        return Fit(tuple(fit.model for fit in fits), sum(fit.masked_share for fit in led) / len(led), notes)

    def sample(
        self, model: tuple[ModelT, ...], source: Samples, sampling: Sampling, rng: torch.Generator
    ) -> Mapping[str, Tensor]:
        """Have each model regenerate its part of ``source``, one behind the other."""
        parts = [source.take(places) for places in torch.arange(len(source)).tensor_split(self._count)]
        made = [self._adapter.sample(member, part, sampling, rng) for member, part in zip(model, parts, strict=True) if len(part)]
        return {name: torch.cat([data[name] for data in made]) for name in made[0]}

    def likelihood(self, model: tuple[ModelT, ...], samples: Samples) -> Likelihood:
        """Return the likelihood of every element under all models in equal parts, and the mean of their confidence."""
        each = [self._adapter.likelihood(member, samples) for member in model]
        nll = -torch.stack([-one.nll for one in each]).logsumexp(0) + torch.tensor(float(len(each))).log()
        return Likelihood(nll, torch.stack([one.confidence for one in each]).mean(0))

    def by_unit(self, likelihood: Likelihood, objective: Objective) -> Likelihood:
        """Return what the adapter of one model does."""
        return self._adapter.by_unit(likelihood, objective)

    def anchors(self, model: tuple[ModelT, ...], objective: Objective, q: float) -> Tensor:
        """Return of each anchor the largest among the models, (K,): nothing is left out that one of them was as sure of."""
        return torch.stack([self._adapter.anchors(member, objective, q) for member in model]).amax(0)

    def save(self, model: tuple[ModelT, ...], folder: Path) -> None:
        """Write every model into a folder of its own."""
        for place, member in enumerate(model):
            (own := folder / f"member-{place}").mkdir()
            self._adapter.save(member, own)

    def load_model(self, folder: Path) -> tuple[ModelT, ...]:
        """Return the models that `save` wrote."""
        return tuple(self._adapter.load_model(folder / f"member-{place}") for place in range(self._count))

    def model_bytes(self) -> int | None:
        """Return the bytes of all models, or None where those of one are not known."""
        of_one = self._adapter.model_bytes()
        return None if of_one is None else self._count * of_one

    def verify(self, samples: Samples) -> Tensor:
        """Return what the adapter of one model does."""
        return self._adapter.verify(samples)

    def combined(self, models: Sequence[tuple[ModelT, ...]], weights: Sequence[float]) -> tuple[ModelT, ...]:
        """Return weighted sums, model by model."""
        return tuple(self._adapter.combined(members, weights) for members in zip(*models, strict=True))

    def show(self, data: Mapping[str, Tensor], stem: Path) -> None:
        """Show what the adapter of one model does."""
        self._adapter.show(data, stem)

    def _parts(self, samples: Samples, rng: torch.Generator) -> list[Samples]:
        """Return what each model is fitted to: of every set that a fit goes through, the same part."""
        if not self._split:
            return [samples] * self._count
        sets = 1 if bool(samples.is_real().all()) else self.draws
        size = len(samples) // sets
        order = torch.randperm(size, generator=rng)
        first_rows = size * torch.arange(sets)[:, None]
        return [samples.take((first_rows + part.sort().values).flatten()) for part in order.tensor_split(self._count)]
