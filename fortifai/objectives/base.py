"""What an objective answers: which elements count, and what the loss is."""

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from fortifai.config import Identity, Parametrised
from fortifai.errors import UserError

if TYPE_CHECKING:
    from torch import Tensor


Remembered = Literal["own_nll", "anchors", "observed"]
"""What an objective may want to know of a chain's earlier generations."""


@dataclass(frozen=True)
class Elements:
    """What objectives weigh in a modality, and on which scales its models are confident in it.

    Attributes:
        units: What may be weighed as one, such as pixel and sample, where there is a choice; the first is the default.
        density: Whether confidence is the likelihood of continuous data, which has no upper bound, instead of a probability.
        relative: Whether confidence can also be taken relative to what the model itself is surest of.
        carried: Whether the scale of confidence is a part of the model: set by the first fit of a chain, and handed on from model
            to model. Then a chain that starts every fit from scratch has a scale that moves.
        grouped: Units whose elements fall into groups of the model's own making, such as a mixture's components, each with an
            anchor of its own. A fit from scratch makes other groups.
        implicit: Whether the models can be sampled from but have no likelihood, as a generator of images without a density has
            none. Confidence is then somebody else's, such as a discriminator's probability, and what needs a likelihood is null.
    """

    units: tuple[str, ...] = ()
    density: bool = False
    relative: bool = False
    carried: bool = False
    grouped: tuple[str, ...] = ()
    implicit: bool = False


@dataclass(frozen=True)
class Memory:
    """What a chain recorded of one generation for its objective.

    Attributes:
        masked_share: The share of elements that its fit masked, in [0, 1].
        own_nll: The mean negative log-likelihood of its model on its own samples, in nats an element; None: not asked for.
        nll_without: The same without the most confident shares `SHARES` of them, one number each; empty: not asked for.
        anchors: `Modality.anchors` of generation 0's model; empty in later generations, and where not asked for.
        observed: What the objective read off the samples that the generation made, by `Objective.observe`; empty: not asked for.
    """

    masked_share: float = 0.0
    own_nll: float | None = None
    nll_without: tuple[float, ...] = ()
    anchors: tuple[float, ...] = ()
    observed: tuple[float, ...] = ()


SHARES = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5)
"""Shares of the most confident elements without which a generation's own likelihood is recorded."""


class Objective(Parametrised):
    """A loss on two tensors of one shape: the negative log-likelihood of every element and the model's confidence p_t in it.

    It is used in two ways: a gradient-trained model minimises `loss`; a weighted fit (EM, least squares) uses `weights`.

    Confidence is on an absolute scale, which does not move with the model: the probability of a category, or the likelihood of
    continuous data in standardised units, its D-th root in D dimensions, which may exceed 1.
    """

    elementwise: ClassVar[bool] = False
    """Whether an element's weight depends on its own confidence alone, so that a batch may be worked on in parts.

    False is always right, and costs the fused loss a second pass; it must be False where a threshold is estimated from the batch.
    """

    adaptive: ClassVar[bool] = False
    """Whether `adapt` estimates something, so that confidence has to be measured before every epoch."""

    remembers: ClassVar[frozenset[Remembered]] = frozenset()
    """What `for_generation` reads of a chain's earlier generations, so that the protocol has to measure it."""

    modalities: ClassVar[tuple[str, ...]] = ()
    """The modalities that it is for, as one that looks at the samples themselves has to know what is in them; empty: all."""

    @property
    def is_relative(self) -> bool:
        """Whether it wants confidence relative to what the model itself is surest of, in [0, 1]."""
        return False

    @property
    def compares_generations(self) -> bool:
        """Whether it goes by how large confidence or likelihood is over generations, and not only by its order within one."""
        return bool(self.remembers)

    @abstractmethod
    def weights(self, confidence: "Tensor", mass: "Tensor | None" = None) -> "Tensor":
        """Return how much every element counts.

        Args:
            confidence: p_t of every element, (...), >= 0.
            mass: How much each element counts where a threshold is estimated, (...), >= 0, such as the responsibilities of a
                mixture component; None: all count the same.

        Returns:
            Weights in [0, 1], detached, of the shape and type of ``confidence``.
        """

    def loss(self, nll: "Tensor", confidence: "Tensor") -> "Tensor":
        """Return the scalar to minimise: the weighted sum divided by the number of ALL elements, the masked ones included.

        No gradient flows through the weights (ForTIFAI, arXiv 2509.08972, definition of TCE: the indicator carries none).

        Args:
            nll: Negative log-likelihood of every element, (...), in nats.
            confidence: p_t of every element, (...), >= 0.
        """
        return (self.weights(confidence) * nll).mean()

    def adapt(self, confidence: "Tensor") -> "Objective":
        """Return the objective of the coming epoch.

        Most objectives are fixed and return themselves.

        Args:
            confidence: The model's confidence on a sample of the training data, (n, ...), >= 0.
        """
        return self

    def adapt_to(self, measure: "Callable[[], Tensor]") -> "Objective":
        """Return the objective of the coming epoch, measuring confidence only where a threshold is estimated from it.

        Args:
            measure: Returns the model's confidence on a sample of the training data, (n, ...), >= 0.
        """
        return self.adapt(measure()) if self.adaptive else self

    def for_generation(self, past: Sequence[Memory]) -> "Objective":
        """Return the objective of the coming generation.

        Most objectives are the same in every generation and return themselves.

        Args:
            past: What was recorded of each generation so far.
        """
        return self

    def observe(self, data: "Mapping[str, Tensor]") -> Sequence[float]:
        """Return what later generations are to know of the samples that one has made: `Memory.observed`, where it is remembered.

        Most objectives do not look at samples, and return nothing.

        Args:
            data: What the generation made, tensors (n, ...) by name.
        """
        return ()

    def weigh(self, data: "Mapping[str, Tensor]", weight: "Tensor") -> "Tensor | None":
        """Return what the weight of every sample is multiplied by in the coming fit, whatever the model's confidence in it.

        Most objectives go by confidence alone and return None: all samples keep their weights.

        Args:
            data: The training set, tensors (n, ...) by name.
            weight: Its samples' own weights, float64 (n,), >= 0.

        Returns:
            Factors >= 0, float64 (n,), detached; their mean by ``weight`` is 1, so that no sample is in effect added or lost.
        """
        return None

    def for_group(self, index: int) -> "Objective":
        """Return the objective for one group of elements, such as a mixture's component or a noise level.

        Most objectives weigh all groups alike and return themselves.

        Args:
            index: Of the group, from 0, as `Modality.anchors` has them.
        """
        return self

    def outside_chain(self) -> "Objective":
        """Return the objective for a training loop outside a chain, where there are no earlier generations.

        Most objectives do not need any and return themselves.

        Raises:
            UserError: The objective depends on what a chain's earlier generations recorded.
        """
        return self


class Selective(Objective):
    """An objective under which some elements count less than others, so that it matters what is weighed as one."""

    unit: Identity[str | None] = Field(
        None, description="what is weighed as one, in a modality that has a choice, such as pixel or sample"
    )

    def of_elements(self, elements: Elements) -> "Selective":
        """Return this objective with its unit filled in: the first of a modality's units where none was named.

        Args:
            elements: What the modality can weigh, and on which scales.

        Raises:
            UserError: The modality does not have the unit or the scale that was named.
        """
        units = elements.units
        if self.unit is None:
            return self.model_copy(update={"unit": units[0]}) if units else self
        if self.unit not in units:
            known = f"known: {', '.join(units)}" if units else "this modality has one kind of element only"
            raise UserError(f"objective {self.canonical!r}: unknown unit {self.unit!r} ({known})")
        return self


class Scaled(Selective):
    """A selective objective that depends on how large confidence is, and not only on its order.

    On the relative scale a Gaussian's confidence is its density over that of its own mode: a model is exactly as sure whether it
    is wide or narrow, so that what is left out does not depend on how far it has collapsed.
    """

    bounded: ClassVar[bool] = False
    """Whether it needs a confidence of at most 1."""

    scale: Identity[Literal["relative"] | None] = Field(
        None, description="relative: confidence over what the model itself is surest of; default: on an absolute scale"
    )

    @property
    def is_relative(self) -> bool:
        """Whether its scale is relative."""
        return self.scale == "relative"

    @property
    def compares_generations(self) -> bool:
        """Whether its scale is the absolute one, which is the same in all generations."""
        return not self.is_relative

    def of_elements(self, elements: Elements) -> "Selective":
        """Return this objective with its unit filled in; see `Selective.of_elements`."""
        if self.is_relative and not elements.relative:
            raise UserError(f"objective {self.canonical!r}: this modality has no relative scale: leave out scale=relative")
        if self.bounded and elements.density and not self.is_relative:
            raise UserError(
                f"objective {self.canonical!r} needs a confidence of at most 1, and a density has no upper bound: "
                "add scale=relative"
            )
        return super().of_elements(elements)
