"""Labels of images: a classifier that relabels images, and is trained on its own labels."""

import math

from fortifai.contract.declaration import Example, ModalityDeclaration
from fortifai.contract.metric import Metric

declaration = ModalityDeclaration(
    name="labels",
    version="1",
    summary="pseudo-labels: classifiers of images that are trained on the labels they gave",
    adapter="fortifai.modalities.labels.adapter:LabelAdapter",
    config="fortifai.modalities.labels.config:ClassifierConfig",
    data="fortifai.modalities.image.config:ImageData",
    metrics=(
        Metric(
            compute="fortifai.modalities.labels.metrics:accuracy",
            summary="share of held-out images that are put into their class; by chance, of ten classes, a tenth",
            better="higher",
            unit="share",
            valid=(0, 1),
            reads=("real", "model"),
            chance=0.1,
            check="fortifai.modalities.labels.metrics:require_ten_classes",
        ),
        Metric(
            compute="fortifai.modalities.labels.metrics:calibration_error",
            summary="expected calibration error on held-out images, in ten bins of equal width",
            better="lower",
            unit="probability",
            valid=(0, 1),
            reads=("real", "model"),
        ),
        Metric(
            compute="fortifai.modalities.labels.metrics:class_distance",
            summary="total variation between the classes of the labels that were given and those of real ones",
            better="lower",
            unit="probability",
            valid=(0, 1),
            reads=("real", "synthetic"),
        ),
        Metric(
            compute="fortifai.modalities.labels.metrics:absent_classes",
            summary="classes that no label was given of",
            better="lower",
            unit="classes",
            valid=(0, math.inf),
            reads=("real", "synthetic"),
        ),
    ),
    requires=("PIL", "sklearn"),
    extra="image",
    example=Example(
        model={"epochs": 10, "hidden": [32]},
        data={"source": "digits"},
        n=400,
        metric="accuracy",
    ),
)
