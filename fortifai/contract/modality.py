"""The adapter contract: the few questions that the protocol asks of a modality, and the data that passes between them.

An adapter is found by an entry point of group ``fortifai.modalities`` that names a `ModalityDeclaration`. The declaration
imports no torch, so that listing and validating are instant; the adapter class is imported when a chain runs.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

import torch
from torch import Tensor

from fortifai.config import Sampling
from fortifai.contract.samples import Samples, Splits
from fortifai.needs import Need
from fortifai.objectives import Objective

M = TypeVar("M")


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
