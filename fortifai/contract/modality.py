"""The adapter contract: the few questions that the protocol asks of a modality.

An entry point of group ``fortifai.modalities`` names a `ModalityDeclaration`, which imports no torch, so that listing and
validating are instant. The adapter class that it refers to is imported when data is loaded.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Generic, NamedTuple, TypeAlias

import numpy as np
import torch
from torch import Tensor
from typing_extensions import TypeVar  # typing's own has no defaults before Python 3.13

from fortifai.config import Frozen, ModelConfig, Sampling
from fortifai.contract.parameters import weighted_sum
from fortifai.contract.samples import Samples, Splits
from fortifai.errors import UserError
from fortifai.needs import Need
from fortifai.objectives import Objective

ConfigT = TypeVar("ConfigT", bound=ModelConfig, default=ModelConfig)
DataT = TypeVar("DataT", bound=Frozen, default=Frozen)
SamplingT = TypeVar("SamplingT", bound=Sampling, default=Sampling)
ModelT = TypeVar("ModelT", default=object)


@dataclass(frozen=True)
class Fit(Generic[ModelT]):
    """What training returns.

    Attributes:
        model: The fitted model.
        masked_share: The share of elements that the objective masked, in [0, 1].
        notes: The adapter's own remarks on the fit, such as ``em_iterations``, which every generation records.
    """

    model: ModelT
    masked_share: float
    notes: Mapping[str, float] = field(default_factory=dict)


class Likelihood(NamedTuple):
    """What a model makes of every element of some samples: two tensors of one shape, whose first dimension is n.

    Attributes:
        nll: Negative log-likelihood, in nats; NaN throughout where the models have none (`Modality.implicit`).
        confidence: The confidence p_t that objectives weigh by, on a scale that does not move with the model: the probability of
            a category, in [0, 1]; of continuous data the likelihood in standardised units, its D-th root in D dimensions, >= 0.
    """

    nll: Tensor
    confidence: Tensor


class Modality(ABC, Generic[ConfigT, DataT, SamplingT, ModelT]):
    """An adapter: a kind of model, bound to real data when it is made.

    It is made as ``Adapter(config, data)``: a subclass defines ``__init__`` with these two arguments, loads the data and hands
    its splits on. What belongs to the data, such as a tokenizer or a classifier, is a part of the adapter; it keeps no other
    state between calls, so that a chain that was killed and resumed has the numbers of one that was not. Every random
    draw comes from the ``rng`` of the call.

    The type parameters are the classes that the declaration names for configuration, data and sampling, and the class of the
    models.
    """

    density: ClassVar[bool] = False
    """Whether confidence is the likelihood of continuous data, which has no upper bound; the declaration says so too."""

    implicit: ClassVar[bool] = False
    """Whether its models can be sampled from but have no likelihood; the declaration says so too (`Elements.implicit`)."""

    def __init__(self, config: ConfigT, splits: Splits) -> None:
        """Keep what every adapter has.

        Args:
            config: The model and how it is trained.
            splits: The real data, split the same way every time.
        """
        self.config = config
        self.splits = splits

    @property
    def draws(self) -> int:
        """How many sets of samples a fit to synthetic data goes through, each drawn anew from the last model; by default one.

        With more, a generation makes that many times as many samples, and the training set that `fit` is given is that many sets
        of equal size, one behind the other, which differ in their synthetic samples only. Real data alone is one set.
        """
        return 1

    @classmethod
    def needs(cls, config: ConfigT, data: DataT) -> Sequence[Need]:
        """Return what making and fitting such an adapter needs that not every machine has, such as weights of a hub.

        Loads nothing. The default: nothing is needed.

        Args:
            config: The model and how it is trained.
            data: Which data, and how it is split.

        Raises:
            UserError: Something is wrong rather than missing.
        """
        return ()

    @abstractmethod
    def check(self, n: int) -> None:
        """Raise UserError if models of this configuration cannot be trained on n samples of this data."""

    @abstractmethod
    def fit(
        self,
        samples: Samples,
        objective: Objective,
        init: ModelT | None,
        rng: torch.Generator,
        checkpoints: Path | None = None,
    ) -> Fit[ModelT]:
        """Train on weighted samples under an objective.

        Args:
            samples: The training set of a generation.
            objective: The loss; see `Objective` for its two forms.
            init: The model to start from, which must not be changed; None: from scratch.
            rng: The source of every random number.
            checkpoints: A folder for an adapter whose fits are long: absent until the adapter makes it; a fit that was stopped
                resumes from what is there; removed once the generation is recorded. None: no checkpoints.

        Raises:
            Diverged: Training left the finite numbers.
        """

    @abstractmethod
    def sample(self, model: ModelT, source: Samples, sampling: SamplingT, rng: torch.Generator) -> Mapping[str, Tensor]:
        """Regenerate ``source``: draw as many samples as it has.

        Args:
            model: What to draw from.
            source: The n samples to regenerate. Unconditional models look only at n; a conditional one continues their contexts.
            sampling: How the model is read out.
            rng: The source of every random number.

        Returns:
            Tensors (n, ...) under the names, and of the shapes and types, of the real data.
        """

    @abstractmethod
    def likelihood(self, model: ModelT, samples: Samples) -> Likelihood:
        """Return the model's negative log-likelihood of every element of the samples, and its confidence in each.

        Args:
            model: The model that is asked.
            samples: n real or synthetic samples.

        Returns:
            Both of shape (n, ...), on the CPU: (n,) where a sample is one element, (n, tokens) for texts, and so on.
        """

    def by_unit(self, likelihood: Likelihood, objective: Objective) -> Likelihood:
        """Return the likelihood of what an objective weighs as one; by default the elements are that already.

        Args:
            likelihood: Of every element, as `likelihood` returns it.
            objective: Which may name a unit.
        """
        return likelihood

    def anchors(self, model: ModelT, objective: Objective, q: float) -> Tensor:
        """Return what generation 0's model is surest of, by which later generations are measured (`tce-anchored`).

        The default is for a model without modes: the quantile of its confidence in the validation split.

        Args:
            model: The model of generation 0.
            objective: Which may name a unit.
            q: The quantile, in (0, 1].

        Returns:
            Confidences, float64 (K,): one for each group that `Objective.for_group` tells apart, or one for all.
        """
        confidence = self.by_unit(self.likelihood(model, self.splits.validation), objective).confidence
        return torch.from_numpy(np.quantile(confidence.double().numpy(), [q]))

    @abstractmethod
    def save(self, model: ModelT, folder: Path) -> None:
        """Write the model into an existing folder, as safetensors and JSON."""

    @abstractmethod
    def load_model(self, folder: Path) -> ModelT:
        """Return the model that `save` wrote, equal to the last bit."""

    def model_bytes(self) -> int | None:
        """Return the bytes of one saved model, for the plan's estimate of disk and memory.

        The default, None: unknown until one is saved, and then as large as that.
        """
        return None

    def verify(self, samples: Samples) -> Tensor:
        """Return the probability that each sample is good, by something that no chain trains: float64 (n,), in [0, 1].

        For strategies that select by a verifier, such as a classifier of the real pool. The default: there is none.
        """
        raise UserError(f"{type(self).__name__} has no verifier")

    def redraw(self, model: ModelT, samples: Samples, chosen: Tensor, rng: torch.Generator) -> Mapping[str, Tensor]:
        """Draw the chosen elements of samples anew, each given the others as they stand; the others stay. The default: cannot.

        Args:
            model: What to draw from.
            samples: n samples of any origin.
            chosen: bool, of the shape of a likelihood.
            rng: The source of every random number.

        Returns:
            Tensors (n, ...) under the names, and of the shapes and types, of the real data.
        """
        raise UserError(f"{type(self).__name__} cannot draw single elements anew")

    def combined(self, models: Sequence[ModelT], weights: Sequence[float]) -> ModelT:
        """Return the model whose parameters are weighted sums of those of others.

        The default sums what `save` writes, number by number. An adapter whose parameters are bounded, such as variances,
        sums what they are bounded functions of.

        Args:
            models: At least one, each fitted from another of them.
            weights: One for each model, which sum to 1; some may be negative.

        Raises:
            Diverged: A parameter is not finite.
        """
        return weighted_sum(self, models, weights)

    def guided(self, model: ModelT, away_from: ModelT, scale: float) -> ModelT:
        """Return a model to sample from, guided away from another one: by (1 + scale) and -scale. The default: cannot.

        It is sampled from and not kept: `save` need not know it.

        Args:
            model: The model.
            away_from: The other.
            scale: How far, >= 0.
        """
        raise UserError(f"{type(self).__name__} has no guidance in sampling")

    def examples(self, model: ModelT, samples: Samples, sampling: SamplingT) -> Mapping[str, Tensor]:
        """Return what to show of a generation, tensors (m, ...) as `show` takes them; by default what it made.

        An unconditional model may draw them from noise that is the same in every generation, so that what stands at one place
        differs by the model alone.

        Args:
            model: The generation's model.
            samples: What it made.
            sampling: How the model is read out.
        """
        return samples.data

    def show(self, data: Mapping[str, Tensor], stem: Path) -> None:
        """Write a few samples for people to see, as one small file, and to hear, as another. The default writes nothing.

        A text (UTF-8) and a PNG picture appear in the report (`records.layout.FIRST_ROW_KEY` tells how a picture enters the
        filmstrip), a WAV file, alone or beside one of them, can be played there, and any other file is linked. An error here is
        reported, and costs the picture, never the generation.

        Args:
            data: A generation's `examples`, or the held-out real data: tensors (m, ...) by name.
            stem: Path of the file, to which an ending such as ``.txt`` or ``.png`` is added.
        """
        return None


AnyModality: TypeAlias = Modality[ModelConfig, Frozen, Sampling, object]
"""An adapter as the core sees it: configuration, data, sampling and models are opaque."""
