"""What each side of the game minimises for one image, and how sure a discriminator is of it.

A discriminator gives an image a score; it is to be high of training images and low of generated ones, and the generator wants it
high of its own. So every image that a discriminator sees has a target, true or generated, and an objective weighs it as it does a
category: by the probability of the target. B images of a batch.
"""

from typing import Literal

from torch import Tensor
from torch.nn import functional

Loss = Literal["non-saturating", "hinge"]
Side = Literal["true", "generated", "generator"]
"""What a discriminator is to say of training images and of generated ones, and what the generator wants it to say of those."""


def image_loss(score: Tensor, side: Side, loss: Loss) -> Tensor:
    """Return the loss of every image, (B,): in nats, where it is the cross entropy of its target.

    Non-saturating (Goodfellow et al., 2014): -log D for training images and for the generator, -log (1 - D) for generated ones,
    D = sigmoid(score). Hinge (Lim and Ye, 2017): max(0, 1 - score) and max(0, 1 + score), and for the generator -score.

    Args:
        score: Of every image, (B,).
        side: Whose images, and for whom.
        loss: Which of the two.
    """
    if loss == "hinge":
        return -score if side == "generator" else functional.relu(1 + score if side == "generated" else 1 - score)
    return functional.softplus(score if side == "generated" else -score)


def confidence(score: Tensor, side: Side) -> Tensor:
    """Return the discriminator's probability of every image's target, in [0, 1], (B,).

    Its scale is absolute: 1/2 is what is said of an image that could be either. Where it was trained by hinge, the score is no
    log-odds, and this a number in the order of the score and no probability.

    Args:
        score: Of every image, (B,).
        side: Whose images, and for whom.
    """
    return (-score if side == "generated" else score).sigmoid()
