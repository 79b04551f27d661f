"""How well frozen networks tell synthetic images from held-out real ones."""

from torch import Tensor

from fortifai.contract.metric_inputs import MetricInputs

from ..adapter import ImageAdapter
from ..features.separability import separability as separability_of
from . import features_of


def require_judge(adapter: ImageAdapter, judge: str) -> None:
    """Raise UserError if there is no such judge of these images, or it is not installed."""
    adapter.judge(judge)


def separability(inputs: MetricInputs[ImageAdapter], argument: str) -> float:
    """Return the accuracy of a classifier two-sample test by a line in a judge's features, in [0, 1]; 1/2 is chance.

    Synthetic against held-out real images, as `features.separability` has it; the halves are the same in every generation.

    Args:
        inputs: The generation.
        argument: ``classifier`` or ``imagenet``: a network that no chain trains.
    """
    network = inputs.adapter.judge(argument)

    def seen(x: Tensor) -> Tensor:
        return features_of.once_each(network.features, x)

    real = inputs.once(f"real images by {argument}", lambda: seen(inputs.real["x"]))
    return separability_of(real, seen(inputs.synthetic["x"]), inputs.stream(f"separability {argument}"))
