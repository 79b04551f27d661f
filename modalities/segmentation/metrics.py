"""What labels of pixels, and networks that give them, are measured by: intersection over union of seen and unseen digits.

The ground is left out of all means. Nearly every network finds it, and so one that calls everything ground has exactly 0.
"""

from torch import Tensor
from torchmetrics.functional.classification import multiclass_jaccard_index

from fortifai.contract.metric_inputs import MetricInputs

from .adapter import SegmentationAdapter
from .descriptions import CLASSES
from .network import SemanticUNet

Inputs = MetricInputs[SegmentationAdapter, SemanticUNet]


def mean_iou(inputs: Inputs) -> float:
    """Return the mean intersection over union of the ten digits, over the pixels of all held-out scenes, in [0, 1]."""
    return float(_intersection_over_union(inputs)[1:].mean())


def mean_iou_seen(inputs: Inputs) -> float:
    """Return the mean intersection over union of the digits that are labelled, in [0, 1]."""
    seen = [label for label in range(1, CLASSES) if label not in inputs.adapter.unseen]
    return float(_intersection_over_union(inputs)[seen].mean())


def mean_iou_unseen(inputs: Inputs) -> float:
    """Return the mean intersection over union of the digits that nobody labelled, in [0, 1]."""
    return float(_intersection_over_union(inputs)[inputs.adapter.unseen].mean())


def hiou(inputs: Inputs) -> float:
    """Return the harmonic mean of both, in [0, 1]: high where neither is forgotten (Xian et al., CVPR 2019)."""
    seen, unseen = mean_iou_seen(inputs), mean_iou_unseen(inputs)
    return 2 * seen * unseen / (seen + unseen) if seen + unseen else 0.0


def pixel_accuracy(inputs: Inputs) -> float:
    """Return the share of held-out pixels whose likeliest class is theirs, in [0, 1]."""
    return float((_predicted(inputs) == inputs.real["y"]).double().mean())


def unseen_share(inputs: Inputs) -> float:
    """Return which share of the pixels labelled as digits are labelled as unseen ones, in [0, 1]; 0 where there are none."""
    labels = inputs.synthetic["y"]
    unseen = sum(int((labels == label).sum()) for label in inputs.adapter.unseen)
    return unseen / max(int((labels > 0).sum()), 1)


def _intersection_over_union(inputs: Inputs) -> Tensor:
    """Return that of every class, (CLASSES,): a class that is nowhere, neither given nor true, has 0."""
    return inputs.shared(
        "intersection over union",
        lambda: multiclass_jaccard_index(
            _predicted(inputs), inputs.real["y"].long(), num_classes=CLASSES, average=None, validate_args=False
        ).double(),
    )


def _predicted(inputs: Inputs) -> Tensor:
    """Return the likeliest class of every held-out pixel, int64 (n, S, S)."""
    return inputs.shared("likeliest classes", lambda: inputs.adapter.logits(inputs.model, inputs.real["x"]).argmax(1))
