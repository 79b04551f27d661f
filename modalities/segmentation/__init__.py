"""Labels of pixels: a network that relabels scenes, some of whose classes nobody labelled, and is trained on its own labels."""

from fortifai.contract.declaration import Example, ModalityDeclaration
from fortifai.contract.metric import Metric

METRICS = "fortifai.modalities.segmentation.metrics"

declaration = ModalityDeclaration(
    name="segmentation",
    version="1",
    summary="pseudo-labels of pixels: U-Nets that are trained on the labels they gave, with classes that were never labelled",
    adapter="fortifai.modalities.segmentation.adapter:SegmentationAdapter",
    config="fortifai.modalities.segmentation.config:UNetConfig",
    data="fortifai.modalities.segmentation.config:SceneData",
    metrics=(
        *(
            Metric(
                compute=f"{METRICS}:{name}",
                summary=summary,
                better="higher",
                unit="share",
                valid=(0, 1),
                reads=("real", "model"),
                chance=0.0,
            )
            for name, summary in (
                ("mean_iou", "mean intersection over union of the ten digits in held-out scenes; 0 if all is ground"),
                ("mean_iou_seen", "the same of the digits that are labelled"),
                ("mean_iou_unseen", "the same of the digits that nobody labelled"),
                ("hiou", "harmonic mean of both, as zero-shot segmentation is measured"),
            )
        ),
        Metric(
            compute=f"{METRICS}:pixel_accuracy",
            summary="share of held-out pixels that are put into their class",
            better="higher",
            unit="share",
            valid=(0, 1),
            reads=("real", "model"),
        ),
        Metric(
            compute=f"{METRICS}:unseen_share",
            summary="share of the pixels labelled as a digit that are labelled as one that nobody labelled",
            better="target",
            target=0.2,
            unit="share",
            valid=(0, 1),
            reads=("synthetic",),
        ),
    ),
    requires=("PIL", "matplotlib", "mlxtend", "sklearn", "torchmetrics", "torchvision"),
    extra="image",
    example=Example(
        model={"channels": [8, 16, 32], "epochs": 8, "batch": 8},
        data={"source": "digits", "side": 16, "scenes": 100, "held_out": 50},
        n=64,
        metric="mean_iou",
    ),
)
