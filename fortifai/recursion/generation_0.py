"""What chains share: generation 0, which is the same for every strategy, and for every objective that starts like another."""

from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from fortifai.contract.metric_inputs import MetricInputs
from fortifai.contract.modality import Modality
from fortifai.contract.samples import Samples
from fortifai.records.schema import GenerationRecord

ModelT = TypeVar("ModelT")


@dataclass(frozen=True)
class Made(Generic[ModelT]):
    """A generation that was fitted, sampled and measured.

    Attributes:
        record: What is recorded of it, without the notes that the chain's objective wants.
        samples: What it made; None where it diverged.
        model: Its model; None likewise.
        inputs: The generation as its metrics saw it; None where it diverged, or was read back.
    """

    record: GenerationRecord
    samples: Samples | None = None
    model: ModelT | None = None
    inputs: MetricInputs[Modality[Any, Any, Any, ModelT], ModelT] | None = None


class Shared(Protocol[ModelT]):
    """Where chains keep a generation 0 that all of them would fit alike."""

    def find(self, training: Samples, source: Samples) -> Made[ModelT] | None:
        """Return the generation as it was kept, its record naming what is shared; None if there is none.

        None too if it was fitted to other samples, or made of others: then it is not the same after all.

        Args:
            training: The training set of generation 0.
            source: What its model regenerates.
        """

    def keep(self, made: Made[ModelT], training: Samples, source: Samples) -> None:
        """Keep a generation for others, all of it or nothing, unless there is one already.

        Args:
            made: The generation.
            training: Its training set.
            source: What its model regenerated.

        Raises:
            BrokenAdapter: Its model is another one when it is read back.
        """
