"""Scenes: handwritten digits on textured ground, with the class of every pixel.

n scenes of S x S pixels.
"""

import torch
from torch import Tensor
from torch.nn import functional

from fortifai.contract.samples import Samples, Splits
from fortifai.errors import UserError
from fortifai.randomness import stream

from ..image.config import ImageData
from ..labels.data import load_labelled
from .config import SceneData
from .descriptions import UNLABELLED

INK = 0.35
"""From this share of ink on a pixel is the digit's."""

BRIGHT = 0.95
"""How bright ink is; the ground reaches 0.6."""

GROUND, RELIEF, BRIGHTEST_GROUND = 0.3, 0.12, 0.6
"""Mean of the ground, standard deviation of its texture, and where it is cut off."""

COARSEST, FINEST = 0.03, 0.18
"""Frequencies of textures, in cycles a pixel: each scene has one between, and a band from half to one and a half of it."""


def digit_images(data: SceneData) -> ImageData:
    """Return which images the digits of scenes are."""
    return ImageData(source=data.source, root=data.root, seed=data.seed)


def load_scenes(data: SceneData) -> Splits:
    """Return the splits, made of the three splits of the digits: no digit of a held-out scene stands in another part.

    Args:
        data: Which scenes.

    Returns:
        Samples of two tensors, ``x``: float32 (n, 1, S, S) in [0, 1], and ``y``: uint8 (n, S, S), the class of every pixel. In
        the pool and in validation those of unseen digits are `UNLABELLED`; in the test split they have their class.

    Raises:
        UserError: Digits are missing or unusable.
    """
    digits, classes = load_labelled(digit_images(data))
    if classes != 10:
        raise UserError(f"data.source = {data.source!r} has {classes} classes, and scenes are of ten digits")
    parts = {"train": digits.train, "validation": digits.validation, "test": digits.test}
    made = {
        name: scenes_of(
            part["x"], part["y"], data, data.scenes if name == "train" else data.held_out, stream("scenes", name, data.seed)
        )
        for name, part in parts.items()
    }
    (x, y), (x_validation, y_validation), (x_test, y_test) = made["train"], made["validation"], made["test"]
    return Splits(
        Samples.real(x=x, y=unlabelled(y, data.unseen)),
        Samples.real(x=x_validation, y=unlabelled(y_validation, data.unseen)),
        Samples.real(x=x_test, y=y_test),
    )


def unlabelled(y: Tensor, unseen: tuple[int, ...]) -> Tensor:
    """Return classes of pixels, uint8 of any shape, as people label them: `UNLABELLED` where the digit is unseen."""
    hidden = torch.isin(y, torch.tensor([digit + 1 for digit in unseen], dtype=y.dtype))
    return torch.where(hidden, torch.tensor(UNLABELLED, dtype=y.dtype), y)


def scenes_of(digits: Tensor, labels: Tensor, data: SceneData, n: int, rng: torch.Generator) -> tuple[Tensor, Tensor]:
    """Return scenes, float32 (n, 1, S, S) in [0, 1], and the class of every pixel, uint8 (n, S, S).

    Each has ``data.digits`` digits in as many of its quarters, each moved by up to a pixel.

    Args:
        digits: Images of digits, with a margin, float32 (m, 1, H, H) in [0, 1].
        labels: Which digits they are, int64 (m,).
        data: How large scenes are, and how many digits they have.
        n: How many.
        rng: The source of every random number.
    """
    half = data.side // 2
    patch = data.side * 7 // 12  # with its margin larger than the quarter, so that the ink about fills it
    small = functional.interpolate(digits, size=(patch, patch), mode="bilinear", antialias=True).clamp(0, 1)[:, 0]
    edge = patch - half + 1  # around a scene, for what reaches over it, and is cut off
    canvas = 2 * edge + data.side
    ink, classes = torch.zeros(n, canvas, canvas), torch.zeros(n, canvas, canvas, dtype=torch.uint8)
    chosen = torch.randint(len(digits), (n, data.digits), generator=rng)
    quarters = torch.rand(n, 4, generator=rng).argsort(1)[:, : data.digits]
    moves = torch.randint(-1, 2, (n, data.digits, 2), generator=rng)
    for scene in range(n):
        for which, quarter, (down, right) in zip(chosen[scene], quarters[scene].tolist(), moves[scene].tolist(), strict=True):
            top = edge + quarter // 2 * half - (patch - half) // 2 + down
            left = edge + quarter % 2 * half - (patch - half) // 2 + right
            place = (scene, slice(top, top + patch), slice(left, left + patch))
            ink[place] = torch.maximum(ink[place], small[which])
            classes[place] = torch.where(small[which] > INK, (labels[which] + 1).to(torch.uint8), classes[place])
    inner = slice(edge, edge + data.side)
    ink, classes = ink[:, inner, inner], classes[:, inner, inner].contiguous()
    ground = textures(n, data.side, rng)
    return ((1 - ink) * ground + BRIGHT * ink)[:, None], classes


def textures(n: int, side: int, rng: torch.Generator) -> Tensor:
    """Return ground, float32 (n, side, side) in [0, 0.6]: white noise, of which each scene keeps a band."""
    noise = torch.randn(n, side, side, generator=rng, dtype=torch.float64)
    frequency = torch.fft.fftfreq(side, dtype=torch.float64)
    radius = (frequency[:, None] ** 2 + frequency**2).sqrt()
    middle = torch.empty(n, 1, 1, dtype=torch.float64).uniform_(COARSEST, FINEST, generator=rng)
    # The coarsest wave of a small side is above some bands: no band is without it.
    middle = middle.clamp(min=1 / side)
    band = (radius >= middle / 2) & (radius <= 1.5 * middle)
    texture: Tensor = torch.fft.ifft2(torch.fft.fft2(noise) * band).real
    texture = texture / texture.flatten(1).std(1)[:, None, None]
    return (GROUND + RELIEF * texture).clamp(0, BRIGHTEST_GROUND).float()
