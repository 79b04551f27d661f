"""Named random streams: known, independent, and a function of their names alone."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from fortifai.randomness import integer_seed, seed_of, stream

names = st.lists(st.integers() | st.text(alphabet="abc01-_ ", max_size=5), min_size=1, max_size=4)


def draws(*purpose: str | int, n: int = 8) -> list[float]:
    return torch.rand(n, generator=stream(*purpose)).tolist()


def test_a_stream_is_the_same_on_every_machine_and_in_every_version():
    assert seed_of(0, "fit", 1) == 9095868901468898681
    assert torch.randint(1_000_000, (3,), generator=stream(0, "fit", 1)).tolist() == [908266, 524263, 288882]


@given(names, names)
def test_different_purposes_have_different_seeds_and_equal_ones_the_same(one, other):
    assert (seed_of(*one) == seed_of(*other)) == (one == other)
    assert 0 <= seed_of(*one) < 2**63


@pytest.mark.parametrize(
    ("one", "other"), [(("1",), (1,)), (("fit", 1), (1, "fit")), (("fit1",), ("fit", 1)), (("a", "b"), ("ab",)), ((0,), (0, 0))]
)
def test_names_are_told_apart_by_type_order_and_cut(one, other):
    assert draws(*one) != draws(*other)


def test_what_one_stream_draws_does_not_move_another():
    undisturbed = draws("sample", 3)
    fit = stream("fit", 3)
    torch.rand(1_000, generator=fit)
    assert draws("sample", 3) == undisturbed


def test_streams_do_not_touch_the_global_generator():
    before = torch.get_rng_state()
    integer_seed(stream("fit"))
    draws("fit")
    assert torch.equal(torch.get_rng_state(), before)


def test_neighbouring_streams_are_uncorrelated():
    drawn = torch.stack([torch.randn(4_000, generator=stream(seed, "sample")) for seed in range(12)])
    off_diagonal = torch.corrcoef(drawn) - torch.eye(12)
    assert off_diagonal.abs().max() < 5 / 4_000**0.5


def test_integer_seeds_fit_32_bits_and_follow_the_stream():
    rng = stream("a library")
    seeds = [integer_seed(rng) for _ in range(200)]
    assert len(set(seeds)) == 200
    assert max(seeds) < 2**32
    assert max(seeds) > 2**31, "the upper half is used"
    assert seeds[0] == integer_seed(stream("a library"))
