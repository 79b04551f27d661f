"""The parts of an adversarial network: augmentation, losses, latents, and which judge joins when."""

import math

import pytest
import torch
from gan_support import pixels
from scipy.stats import kstest, truncnorm
from torch import nn

from fortifai.modalities.image.features.separability import separability
from fortifai.modalities.image.gan import latents
from fortifai.modalities.image.gan.augmentation import NUMBERS, augment
from fortifai.modalities.image.gan.judges import joining_steps, most_separating, separabilities
from fortifai.modalities.image.gan.losses import confidence, image_loss
from fortifai.modalities.image.gan.training import squared_gradient
from fortifai.randomness import stream

ALL = ("color", "translation", "cutout")
SCORES = torch.tensor([-3.0, -0.5, 0.0, 0.5, 3.0], dtype=torch.float64)


def images(count: int = 6, colours: int = 3, side: int = 8) -> torch.Tensor:
    return torch.rand(count, colours, side, side, generator=stream("images"), dtype=torch.float64)


def numbers(count: int = 6) -> torch.Tensor:
    return torch.rand(count, NUMBERS, generator=stream("numbers"), dtype=torch.float64)


def test_augmentation_is_the_same_for_equal_images_whatever_stands_beside_them() -> None:
    """So real images and generated ones are augmented alike, and an image by its own numbers alone."""
    x, noise = images(), numbers()
    both = augment(torch.cat([x, x.flip(0)]), ALL, torch.cat([noise, noise.flip(0)]))
    assert torch.equal(both[:6], both[6:].flip(0))
    torch.testing.assert_close(augment(x[2:3], ALL, noise[2:3]), both[2:3], rtol=0, atol=0)
    assert torch.equal(augment(x, (), noise), x)


@pytest.mark.parametrize("policy", [("color",), ("translation",), ("cutout",), ALL])
def test_augmentation_passes_the_gradient(policy: tuple[str, ...]) -> None:
    noise = numbers(2)
    x = images(2, side=4).requires_grad_()
    assert torch.autograd.gradcheck(lambda value: augment(value, policy, noise), (x,))


def test_colours_follow_their_formulas() -> None:
    x, noise = images(1), torch.full((1, NUMBERS), 0.5, dtype=torch.float64)
    torch.testing.assert_close(augment(x, ("color",), noise), x)  # the middle of each range changes nothing
    brighter, grey, flatter = (noise.index_fill(1, torch.tensor([place]), 0.0 if place else 1.0) for place in range(3))
    torch.testing.assert_close(augment(x, ("color",), brighter), x + 0.25)
    torch.testing.assert_close(augment(x, ("color",), grey), x.mean(1, keepdim=True).expand_as(x))
    torch.testing.assert_close(augment(x, ("color",), flatter), x.mean() + 0.5 * (x - x.mean()))


@pytest.mark.parametrize(("place", "shift"), [(0.0, -2), (0.5, 0), (0.999, 2)])
def test_translation_moves_an_image_by_up_to_an_eighth_and_fills_with_black(place: float, shift: int) -> None:
    x = images(1, side=16)
    noise = torch.full((1, NUMBERS), 0.5, dtype=torch.float64)
    noise[0, 3] = place
    moved = torch.zeros_like(x)
    inside = slice(max(shift, 0), 16 + min(shift, 0)), slice(max(-shift, 0), 16 + min(-shift, 0))
    moved[:, :, inside[0]] = x[:, :, inside[1]]
    assert torch.equal(augment(x, ("translation",), noise), moved)


def test_cutout_removes_a_square_of_half_the_side_or_what_of_it_lies_in_the_image() -> None:
    x = torch.ones(200, 1, 8, 8, dtype=torch.float64)
    cut = 64 - augment(x, ("cutout",), numbers(200)).flatten(1).sum(1)
    assert cut.max() == 16
    assert set(cut.int().tolist()) <= {a * b for a in (2, 3, 4) for b in (2, 3, 4)}


def test_the_non_saturating_loss_is_the_cross_entropy_of_the_target() -> None:
    d = 1 / (1 + torch.exp(-SCORES))
    torch.testing.assert_close(image_loss(SCORES, "true", "non-saturating"), -d.log())
    torch.testing.assert_close(image_loss(SCORES, "generated", "non-saturating"), -(1 - d).log())
    torch.testing.assert_close(image_loss(SCORES, "generator", "non-saturating"), -d.log())
    for side in ("true", "generated", "generator"):
        torch.testing.assert_close(confidence(SCORES, side), torch.exp(-image_loss(SCORES, side, "non-saturating")))


def test_the_hinge_loss_stops_beyond_its_margin_and_is_linear_for_the_generator() -> None:
    assert image_loss(SCORES, "true", "hinge").tolist() == [4.0, 1.5, 1.0, 0.5, 0.0]
    assert image_loss(SCORES, "generated", "hinge").tolist() == [0.0, 0.5, 1.0, 1.5, 4.0]
    assert image_loss(SCORES, "generator", "hinge").tolist() == [3.0, 0.5, 0.0, -0.5, -3.0]


def test_the_gradient_penalty_of_a_line_is_its_squared_slope() -> None:
    line = nn.Sequential(nn.Flatten(), nn.Linear(12, 1), nn.Flatten(0)).double()
    weight = line[1].weight
    value = squared_gradient(line, images(5, 3, 2))
    torch.testing.assert_close(value, weight.square().sum())
    value.backward()
    torch.testing.assert_close(weight.grad, 2 * weight.detach())


@pytest.mark.parametrize("temperature", [0.02, 0.3, 0.7, 0.95])
def test_truncated_latents_are_those_of_a_truncated_normal_with_that_variance(temperature: float) -> None:
    z = latents.draw(5000, 4, temperature, stream("latents")).flatten().double()
    t = latents.threshold(temperature)
    assert float(z.abs().max()) <= t + 1e-6
    assert truncnorm.var(-t, t) == pytest.approx(temperature, rel=1e-6)
    assert kstest(z.numpy(), truncnorm(-t, t).cdf).pvalue > 1e-3


def test_truncation_only_begins_below_a_temperature_of_1() -> None:
    plain = latents.draw(5000, 4, 1.0, stream("latents"))
    assert kstest(plain.flatten().numpy(), "norm").pvalue > 1e-3
    torch.testing.assert_close(latents.draw(5000, 4, 2.0, stream("latents")), math.sqrt(2) * plain)
    assert latents.threshold(1e-8) == pytest.approx(math.sqrt(3e-8))  # a uniform's
    assert float(latents.draw(5000, 4, 1 - 1e-6, stream("latents")).var()) == pytest.approx(1, abs=0.03)


def test_separability_is_chance_for_one_law_and_1_for_two_that_a_line_parts() -> None:
    rng = stream("features")
    one, same = torch.randn(2, 400, 5, generator=rng, dtype=torch.float64)
    assert separability(one, same, stream("halves")) == pytest.approx(0.5, abs=0.1)
    assert separability(one, same + 20, stream("halves")) == 1
    # One feature moved by d deviations: the best line is right with Phi(d / 2).
    moved = same + torch.tensor([2.0, 0, 0, 0, 0], dtype=torch.float64)
    assert separability(one, moved, stream("halves")) == pytest.approx(0.841, abs=0.05)
    with pytest.raises(ValueError, match="at least 4 images"):
        separability(one[:3], same, stream("halves"))


def test_the_judge_that_separates_best_is_chosen() -> None:
    """Generated images differ in their last pixels only: the judge that sees those is chosen, whatever the order."""
    real = torch.rand(200, 1, 8, 8, generator=stream("real"))
    generated = torch.rand(200, 1, 8, 8, generator=stream("generated"))
    generated.view(200, -1)[:, 60:] *= 0.3
    blind, half, seeing = pixels("blind", 0, 8), pixels("half", 60, 61), pixels("seeing", 60, 64)
    for judges in ([blind, half, seeing], [seeing, half, blind]):
        separable = separabilities(judges, real, generated, stream("halves"))
        assert most_separating(separable) == "seeing"
        assert separable["blind"] < 0.65 < separable["half"] < separable["seeing"]


def test_judges_join_at_even_distances() -> None:
    assert joining_steps(90, 2) == [30, 60]
    assert joining_steps(200, 1) == [100]
    assert joining_steps(200, 0) == []
