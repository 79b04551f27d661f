"""Autoencoders that are deeper, or coupled from narrow ones: what they compute and cost, and that the default is what it was."""

import json
from pathlib import Path

import pytest
import torch
import vae_support as vae
from torch.utils.flop_counter import FlopCounterMode

from fortifai.modalities.image.config import ImageData
from fortifai.modalities.image.elements import MaskCount
from fortifai.modalities.image.vae import network, training
from fortifai.modalities.image.vae.config import VAEConfig
from fortifai.modalities.image.vae.coupled import couple_from, forward_flops, made, passes_of
from fortifai.modalities.image.vae.network import VAE
from fortifai.planning.suite_file import load_suite

COUPLED = {"channels": 4, "latent": 4, "coupling": "block-diagonal:blocks=2"}


def counted(model: VAE) -> int:
    """Count what an image costs, by torch."""
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(torch.zeros(1, model.shape["colours"], model.shape["side"], model.shape["side"]))
    return counter.get_total_flops()


@pytest.mark.parametrize("depth", [0, 1])
@pytest.mark.parametrize("k", [2, 3])
def test_before_it_is_trained_on_a_coupled_model_is_its_parts_side_by_side(k: int, depth: int) -> None:
    parts = [VAE(1, 8, 2, 3, depth=depth) for _ in range(k)]
    wide = VAE(1, 8, 2 * k, 3 * k, depth=depth)
    couple_from(parts, wide)
    x = torch.rand(5, 1, 8, 8)
    posteriors = [part.encode(x) for part in parts]
    for mine, theirs in zip(wide.encode(x), zip(*posteriors, strict=True), strict=True):
        torch.testing.assert_close(mine, torch.cat(theirs, 1))
    noise = torch.randn(5, 3 * k)
    logits, divergence = wide(x, noise)
    each = [part(x, own) for part, own in zip(parts, noise.chunk(k, 1), strict=True)]
    torch.testing.assert_close(logits, torch.stack([own for own, _ in each]).mean(0))
    torch.testing.assert_close(divergence, torch.stack([own for _, own in each]).sum(0))


@pytest.mark.parametrize("shape", [(1, 8, 4, 3, 0), (3, 16, 6, 5, 2)])
def test_the_flops_of_a_model_are_those_that_torch_counts(shape: tuple[int, int, int, int, int]) -> None:
    colours, side, channels, latent, depth = shape
    model = VAE(colours, side, channels, latent, depth=depth)
    assert counted(model) == forward_flops(model.shape)


def test_a_coupled_fit_takes_the_passes_that_cost_what_the_dense_ones_do(monkeypatch: pytest.MonkeyPatch) -> None:
    costs = []

    def train(model: VAE, samples: object, objective: object, config: object, epochs: int, *_: object) -> MaskCount:
        costs.append(epochs * counted(model))
        return MaskCount()

    monkeypatch.setattr(training, "train", train)
    vae.fit(vae.adapter_of(**COUPLED | {"epochs": 10}), n=2)
    assert len(costs) == 3
    assert sum(costs) == pytest.approx(10 * counted(VAE(1, 8, 4, 4)), rel=0.05)


def test_the_regimes_of_the_suite_cost_the_same_and_differ_in_shape_alone() -> None:
    suite = load_suite("image-capacity")
    shape = dict.fromkeys(("channels", "depth", "coupling"))
    forward, fits, rest = [], [], set()
    for regime in suite.regimes:
        config = regime.model
        assert isinstance(config, VAEConfig)
        assert isinstance(regime.data, ImageData)
        assert regime.data.source == "mnist-5k"  # grey, 28 pixels a side
        taken = passes_of(config, 1, 28, config.epochs)
        costs = {times: times * counted(made(config.narrower(times), 1, 28)) for times in taken}
        forward.append(costs[1])
        fits.append(sum(costs[times] * own for times, own in taken.items()))
        same = {name: value for name, value in regime.identity().items() if name not in ("name", "model")}
        rest.add(json.dumps([same, config.model_copy(update=shape).model_dump()]))
    assert max(forward) <= 1.05 * min(forward)
    assert max(fits) <= 1.05 * min(fits)
    assert len(rest) == 1


def test_a_coupled_fit_is_the_same_twice_and_not_the_dense_one() -> None:
    dense, one, two = (vae.weights(vae.fit(vae.adapter_of(**COUPLED | more), n=64)) for more in ({"coupling": "dense"}, {}, {}))
    assert dense.shape == one.shape
    assert torch.equal(one, two)
    assert not torch.equal(one, dense)


def test_one_block_is_the_dense_model_bit_for_bit() -> None:
    dense, one = (
        vae.weights(vae.fit(vae.adapter_of(**chosen), n=64)) for chosen in ({}, {"coupling": "block-diagonal:blocks=1"})
    )
    assert torch.equal(dense, one)


def test_a_deeper_model_is_saved_and_loaded_and_a_plain_one_has_the_file_it_had(tmp_path: Path) -> None:
    for depth in (0, 2):
        model = VAE(1, 8, 2, 3, depth=depth)
        network.save(model, tmp_path)
        again = network.load(tmp_path)
        assert again.shape == model.shape
        assert torch.equal(vae.weights(again), vae.weights(model))
        assert ("depth" in model.shape) == (depth > 0)
