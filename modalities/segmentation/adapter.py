"""The adapter of scenes: they keep their pixels, and each pixel is given its label anew."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor

from fortifai.config import Sampling
from fortifai.contract.samples import Samples
from fortifai.errors import UserError
from fortifai.needs import Need

from ..image.data import sources
from ..labels.relabelling import RelabellingAdapter
from .config import SceneData, UNetConfig
from .descriptions import CLASSES, UNLABELLED, semantic_vectors
from .network import SemanticUNet
from .picture import SHOWN, write_scenes
from .scenes import digit_images, load_scenes


class SegmentationAdapter(RelabellingAdapter[UNetConfig, SceneData, SemanticUNet]):
    """Networks that label every pixel. Samples hold ``x``: float32 (n, 1, S, S) in [0, 1], and ``y``: uint8 (n, S, S).

    Labels are 0 for the ground and 1 to 10 for the digits 0 to 9. Of the real pool's, those of unseen digits are `UNLABELLED`,
    which says that a pixel is of one of the classes that nobody labels: its probability is the sum of theirs (the bias loss of
    Song et al., *Transductive Unbiased Embedding for Zero-Shot Learning*, CVPR 2018). Which of them it is, only the
    descriptions tell. From generation 1 on every pixel has the label that a model gave it.
    """

    model_file = "unet.safetensors"
    adapting = 256
    at_once = 256

    def __init__(self, config: UNetConfig, data: SceneData) -> None:
        """Make the scenes.

        Raises:
            UserError: Digits are missing or unusable, or a scene cannot be halved as often as the network has levels.
        """
        finest = 2 ** (len(config.channels) - 1)
        if data.side % finest:
            raise UserError(
                f"data.side = {data.side} cannot be halved {len(config.channels) - 1} times, as model.channels asks for: "
                f"use a multiple of {finest}, or fewer levels"
            )
        self.classes = CLASSES
        self.unseen = [digit + 1 for digit in data.unseen]
        self.descriptions = semantic_vectors()
        super().__init__(config, load_scenes(data))

    @classmethod
    def needs(cls, config: UNetConfig, data: SceneData) -> Sequence[Need]:
        """Return the files of torchvision's digits, where they are asked for, and which of them are missing."""
        return sources.needs(digit_images(data))

    def network(self) -> SemanticUNet:
        """Return a U-Net with random weights."""
        return SemanticUNet(self.config.channels, self.descriptions.clone())

    def label_nll(self, logits: Tensor, y: Tensor) -> Tensor:
        """Return -log p of every pixel's label in nats, (n, S, S); of an unlabelled one, that of any unseen class.

        Args:
            logits: Of every class, float32 (n, CLASSES, S, S).
            y: The labels, uint8 (n, S, S).
        """
        log_p = logits.log_softmax(1)
        hidden = y == UNLABELLED
        named = log_p.gather(1, y.masked_fill(hidden, 0).long()[:, None])[:, 0]
        return -torch.where(hidden, log_p[:, self.unseen].logsumexp(1).clamp(max=0), named)

    def combined(self, models: Sequence[SemanticUNet], weights: Sequence[float]) -> SemanticUNet:
        """Return the network whose parameters are weighted sums of others', of variances weighted geometric means.

        So that those stay positive whatever the weights; see `Modality.combined`.
        """
        result = super().combined(models, weights)
        for name, variance in result.named_buffers():
            if name.endswith("running_var"):
                logs = [weight * model.get_buffer(name).double().log() for model, weight in zip(models, weights, strict=True)]
                variance.copy_(torch.stack(logs).sum(0).exp())
        return result

    def examples(self, model: SemanticUNet, samples: Samples, sampling: Sampling) -> Mapping[str, Tensor]:
        """Return the first held-out scenes with their classes, and the likeliest by the model: the same in every generation."""
        some = self.splits.test.take(slice(SHOWN))
        return {**some.data, "given": self.logits(model, some["x"]).argmax(1).to(torch.uint8)}

    def show(self, data: Mapping[str, Tensor], stem: Path) -> None:
        """Write scenes beside their labels, and beside those that a model gave, as a PNG."""
        write_scenes(data["x"], [data[name] for name in ("y", "given") if name in data], stem.with_suffix(".png"))
