"""Fresh real data: dealt out of the pool, never twice before it must be, and reuse is counted."""

from collections.abc import Sequence

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from fortifai.contract.samples import Samples
from fortifai.errors import UserError
from fortifai.recursion.real_data import RealStream


def deal(pool: int, sizes: Sequence[int], seed: int = 0) -> RealStream:
    return RealStream(Samples.real(id=torch.arange(pool)), sizes.__getitem__, seed)


def rows(stream: RealStream, generation: int) -> list[int]:
    return stream.draw(generation)["id"].tolist()


@st.composite
def deals(draw: st.DrawFn) -> tuple[int, list[int], int]:
    pool = draw(st.integers(1, 30))
    return pool, draw(st.lists(st.integers(0, pool), min_size=1, max_size=8)), draw(st.integers(0, 5))


@given(deals())
def test_a_draw_has_the_size_asked_for_and_no_row_twice(dealing):
    pool, sizes, seed = dealing
    stream = deal(pool, sizes, seed)
    for generation, size in enumerate(sizes):
        drawn = rows(stream, generation)
        assert len(drawn) == len(set(drawn)) == size
        assert set(drawn) <= set(range(pool))
        assert stream.draw(generation).is_real().all()


@given(deals())
def test_reuse_is_counted_exactly_and_comes_only_when_the_rest_of_the_pool_is_too_small(dealing):
    pool, sizes, seed = dealing
    stream = deal(pool, sizes, seed)
    seen: set[int] = set()
    dealt: set[int] = set()  # since the last shuffle
    for generation, size in enumerate(sizes):
        drawn = set(rows(stream, generation))
        if len(dealt) + size > pool:
            dealt = set()
        assert not drawn & dealt
        dealt |= drawn
        assert stream.reused(generation) == len(drawn & seen)
        seen |= drawn
        if sum(sizes[: generation + 1]) <= pool:
            assert stream.reused(generation) == 0


@given(deals(), st.randoms(use_true_random=False))
def test_a_draw_does_not_depend_on_which_were_asked_for_before(dealing, random):
    pool, sizes, seed = dealing
    first, second = deal(pool, sizes, seed), deal(pool, sizes, seed)
    expected = [(rows(first, g), first.reused(g)) for g in range(len(sizes))]
    for generation in random.choices(range(len(sizes)), k=10):
        assert (rows(second, generation), second.reused(generation)) == expected[generation]


def test_the_whole_pool_every_generation_is_the_whole_pool_in_another_order():
    stream = deal(12, [12] * 4)
    draws = [rows(stream, g) for g in range(4)]
    assert all(sorted(drawn) == list(range(12)) for drawn in draws)
    assert len({tuple(drawn) for drawn in draws}) == 4
    assert [stream.reused(g) for g in range(4)] == [0, 12, 12, 12]


def test_chains_of_different_seeds_draw_different_rows():
    assert len({tuple(rows(deal(1_000, [20], seed), 0)) for seed in range(10)}) == 10


def test_every_row_is_as_likely_as_any_other():
    counts = torch.zeros(10)
    for seed in range(2_000):
        stream = deal(10, [3, 3, 3, 3], seed)
        counts[stream.draw(0)["id"]] += 1
        counts[stream.draw(3)["id"]] += 1  # the first after the pool was shuffled anew
    z = (counts - 1_200) / (2 * 2_000 * 0.3 * 0.7) ** 0.5
    assert z.abs().max() < 4.5


def test_a_pool_that_is_too_small_for_a_draw_is_refused():
    stream = deal(5, [5, 6])
    stream.draw(0)
    with pytest.raises(UserError, match="6 real samples a generation are asked for, and the training pool has 5"):
        stream.draw(1)


@given(deals())
def test_a_pool_in_its_own_order_is_dealt_from_the_front_for_every_seed(dealing):
    pool, sizes, seed = dealing
    stream = RealStream(Samples.real(id=torch.arange(pool)), sizes.__getitem__, seed, in_order=True)
    start = 0
    for generation, size in enumerate(sizes):
        start = 0 if start + size > pool else start
        assert rows(stream, generation) == list(range(start, start + size))
        start += size
