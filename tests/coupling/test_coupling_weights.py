"""A coupled network computes what its narrow ones do side by side."""

import pytest
import torch
from torch import Tensor, nn

from fortifai.coupling.weights import couple


def coupled(narrow: list[nn.Module], wide: nn.Module, **more: dict[str, int]) -> nn.Module:
    couple(narrow, wide, **more)
    return wide


def side_by_side(narrow: list[nn.Module], x: Tensor, dim: int = 1) -> Tensor:
    return torch.cat([layer(part) for layer, part in zip(narrow, x.chunk(len(narrow), dim), strict=True)], dim)


@pytest.mark.parametrize("k", [2, 3])
def test_a_linear_layer_has_its_blocks_on_the_diagonal_and_zeros_elsewhere(k: int) -> None:
    narrow = [nn.Linear(5, 3) for _ in range(k)]
    wide = coupled([*narrow], nn.Linear(5 * k, 3 * k))
    assert torch.equal(wide.get_parameter("weight"), torch.block_diag(*(layer.weight for layer in narrow)))
    x = torch.randn(4, 5 * k)
    torch.testing.assert_close(wide(x), side_by_side([*narrow], x))


def test_one_network_coupled_with_none_is_itself() -> None:
    narrow, wide = nn.Linear(4, 4), nn.Linear(4, 4)
    couple([narrow], wide)
    assert torch.equal(wide.weight, narrow.weight)
    assert torch.equal(wide.bias, narrow.bias)


@pytest.mark.parametrize("kind", [nn.Conv2d, nn.ConvTranspose2d])
def test_convolutions_up_and_down_are_those_of_their_blocks(kind: type[nn.Conv2d] | type[nn.ConvTranspose2d]) -> None:
    narrow = [kind(3, 2, 4, 2, 1) for _ in range(2)]
    wide = coupled([*narrow], kind(6, 4, 4, 2, 1))
    x = torch.randn(5, 6, 8, 8)
    torch.testing.assert_close(wide(x), side_by_side([*narrow], x), atol=1e-6, rtol=1e-5)


def test_what_does_not_grow_is_read_by_all_and_answered_by_the_mean() -> None:
    """Three pixels in, five logits out, whatever the width between them."""
    narrow = [nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 5)) for _ in range(2)]
    wide = coupled([*narrow], nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 5)))
    x = torch.randn(7, 3)
    torch.testing.assert_close(wide(x), (narrow[0](x) + narrow[1](x)) / 2)


def test_an_embedding_lies_beside_the_other_one() -> None:
    narrow = [nn.Embedding(6, 2) for _ in range(2)]
    tokens = torch.arange(6)
    wide = coupled([*narrow], nn.Embedding(6, 4))
    assert torch.equal(wide(tokens), torch.cat([layer(tokens) for layer in narrow], 1))


def test_vectors_that_are_stacked_in_one_output_grow_each_by_itself() -> None:
    """Means and log variances of one layer: the wide one's means are the means of both."""
    narrow = [nn.Linear(3, 4) for _ in range(2)]
    wide = coupled([nn.Sequential(layer) for layer in narrow], nn.Sequential(nn.Linear(6, 8)), stacked={"0": 2})
    x = torch.randn(5, 6)
    halves = [layer(part).chunk(2, 1) for layer, part in zip(narrow, x.chunk(2, 1), strict=True)]
    torch.testing.assert_close(wide(x), torch.cat([halves[0][0], halves[1][0], halves[0][1], halves[1][1]], 1))


def test_the_zeros_are_trained_too() -> None:
    wide = coupled([nn.Linear(2, 2), nn.Linear(2, 2)], nn.Linear(4, 4))
    wide(torch.ones(1, 4)).sum().backward()
    gradient = wide.get_parameter("weight").grad
    assert gradient is not None
    assert bool((gradient != 0).all())


def test_a_layer_of_an_unknown_kind_is_not_guessed_at() -> None:
    with pytest.raises(TypeError, match="how a Bilinear is coupled from 2"):
        couple([nn.Bilinear(2, 2, 2) for _ in range(2)], nn.Bilinear(4, 4, 4))
