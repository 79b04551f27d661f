"""The models of a chain at one generation, as far as a strategy may ask them, or make another model of them."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Generic, Literal

from typing_extensions import TypeVar  # typing's own has no defaults before Python 3.13

from fortifai.errors import UserError

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from fortifai.contract.modality import Modality
    from fortifai.contract.samples import Samples

ModelT = TypeVar("ModelT", default=Any)

Ask = Literal["first", "likelihood", "verify", "redraw", "guided"]
"""What not every chain can answer: about the model of generation 0, which then is kept, or what an adapter may lack."""


@dataclass
class Models(Generic[ModelT]):
    """The models of a chain at one generation, from generation 1 on.

    Attributes:
        adapter: Whose models they are.
        last: Returns the model of the last generation, which made the newest samples.
        first: Returns the model of generation 0, which has seen nothing but real data.
        scored: How many samples a model or a verifier was asked about so far: what a strategy costs beside its fits.
    """

    adapter: "Modality[Any, Any, Any, ModelT]"
    last: Callable[[], ModelT]
    first: Callable[[], ModelT]
    scored: int = field(default=0, init=False)

    def log_likelihood(self, samples: "Samples", by: Literal["last", "first"] = "last") -> "Tensor":
        """Return the log-likelihood of every sample, a mean over its elements: float64 (n,), in nats.

        Args:
            samples: n samples of any origin.
            by: The model of the last generation, or of generation 0.

        Raises:
            UserError: The models have no likelihood.
        """
        if self.adapter.implicit:
            raise UserError(
                "this strategy goes by the likelihood of samples, and these models have none; a verifier may do, "
                "as in select:by=verifier"
            )
        self.scored += len(samples)
        nll = self.adapter.likelihood(self.last() if by == "last" else self.first(), samples).nll
        return -nll.double().flatten(1).mean(1) if nll.ndim > 1 else -nll.double()

    def elements(self, samples: "Samples") -> int:
        """Return how many elements a sample has, of which `log_likelihood` takes the mean."""
        nll = self.adapter.likelihood(self.last(), samples.take(slice(1))).nll
        return nll[0].numel()

    def verify(self, samples: "Samples") -> "Tensor":
        """Return the verifier's probability that each sample is good, float64 (n,); see `Modality.verify`."""
        self.scored += len(samples)
        return self.adapter.verify(samples).double()

    def redraw(self, samples: "Samples", least_confidence: float, rng: "torch.Generator") -> "Samples":
        """Return samples in which the last model has drawn anew every element that it was this confident in.

        Args:
            samples: n samples of any origin.
            least_confidence: From which on an element is drawn anew.
            rng: The source of every random number.
        """
        self.scored += len(samples)
        model = self.last()
        chosen = self.adapter.likelihood(model, samples).confidence >= least_confidence
        return replace(samples, data={**samples.data, **self.adapter.redraw(model, samples, chosen, rng)})

    def extrapolated(self, model: ModelT, away_from: ModelT, scale: float) -> ModelT:
        """Return (1 + scale) model - scale away_from, parameter by parameter; see `Modality.combined`."""
        return self.adapter.combined([model, away_from], [1 + scale, -scale])

    def guided(self, model: ModelT, away_from: ModelT, scale: float) -> ModelT:
        """Return a model that samples as one does, guided away from another; see `Modality.guided`."""
        return self.adapter.guided(model, away_from, scale)
