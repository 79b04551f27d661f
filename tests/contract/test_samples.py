"""Samples: what is joined, cut, stored and hashed is what was there, to the last bit."""

from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from fortifai.contract.samples import REAL, Samples, Splits


def mixed(n: int = 6, seed: int = 0) -> Samples:
    """Samples of several types, with values that only bits tell apart."""
    rng = torch.Generator().manual_seed(seed)
    x = torch.randn(n, 3, generator=rng)
    if n:
        x[0] = torch.tensor([float("nan"), -0.0, float("inf")])
    data = {
        "x": x,
        "tokens": torch.randint(0, 9, (n, 2, 2), generator=rng),
        "mask": torch.rand(n, generator=rng) > 0.5,
        "half": torch.randn(n, generator=rng).bfloat16(),
        "nothing": torch.empty(n, 0),
    }
    return Samples(data, torch.arange(n) - 1, torch.rand(n, generator=rng, dtype=torch.float64))


def same(a: Samples, b: Samples) -> bool:
    return a.fingerprint() == b.fingerprint()


def numbered(n: int, start: int = 0) -> Samples:
    return Samples.real(x=torch.arange(start, start + n))


def unweighted(samples: Samples, generation: int) -> Samples:
    return Samples.synthetic(samples.data, generation)


def test_real_data_is_marked_as_real_and_weighs_one():
    samples = numbered(4)
    assert len(samples) == 4
    assert samples.is_real().all()
    assert samples.origin.dtype == torch.int64
    assert samples.weight is None
    assert samples.weights().tolist() == [1.0] * 4
    assert samples.weights().dtype == torch.float64
    assert samples["x"].tolist() == [0, 1, 2, 3]


def test_what_a_generation_made_is_stamped_and_unweighted():
    made = Samples.synthetic({"x": torch.arange(3)}, 7)
    assert made.origin.tolist() == [7, 7, 7]
    assert not made.is_real().any()
    assert made.weight is None
    assert made["x"].tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    ("values", "finite"),
    [
        ([1.0, -2.0], True),
        ([6e4, 6e4], True),  # whose sum is beyond float16
        ([1.0, float("nan")], False),
        ([float("inf"), float("-inf")], False),
        ([float("-inf"), 1.0], False),
        ([], True),
    ],
)
@pytest.mark.parametrize("dtype", [torch.float16, torch.float64, torch.complex64])
def test_samples_are_finite_where_no_value_is_nan_or_infinite(values, finite, dtype):
    assert Samples.real(n=torch.arange(len(values)), x=torch.tensor(values, dtype=dtype)).is_finite() is finite


@given(st.lists(st.integers(0, 5), min_size=1, max_size=6))
def test_joining_keeps_order_data_and_origin(sizes):
    parts = [unweighted(numbered(n, start=10 * i), i) for i, n in enumerate(sizes)]
    joined = Samples.concat(parts)
    assert joined["x"].tolist() == [10 * i + j for i, n in enumerate(sizes) for j in range(n)]
    assert joined.origin.tolist() == [i for i, n in enumerate(sizes) for _ in range(n)]
    assert joined.weight is None


@given(st.integers(0, 8), st.integers(0, 8))
def test_what_was_joined_can_be_cut_again(first, second):
    a, b = mixed(first, seed=1), mixed(second, seed=2)
    joined = Samples.concat([a, b])
    assert same(joined.take(slice(first)), a)
    assert same(joined.take(slice(first, None)), b)
    assert same(joined.take(torch.arange(first, first + second)), b)


def test_joining_weighted_and_unweighted_samples_gives_the_unweighted_weight_one():
    heavy = numbered(2).weighted(torch.tensor([0.5, 3]))
    assert Samples.concat([numbered(1), heavy]).weights().tolist() == [1, 0.5, 3]


def test_taking_follows_positions_repetitions_and_masks():
    samples = mixed(5)
    index = torch.tensor([3, 0, 3])
    taken = samples.take(index)
    assert taken["tokens"].equal(samples["tokens"][index])
    assert taken.origin.tolist() == [2, -1, 2]
    assert taken.weights().equal(samples.weights()[index])
    assert samples.take(samples.is_real()).origin.tolist() == [REAL]
    assert len(samples.take(slice(0))) == 0


@pytest.mark.parametrize("weighted", [True, False])
@pytest.mark.parametrize("n", [0, 1, 6])
def test_storage_gives_back_every_bit(tmp_path: Path, weighted, n):
    samples = mixed(n) if weighted else unweighted(mixed(n), 2)
    samples.save(tmp_path / "samples.safetensors")
    loaded = Samples.load(tmp_path / "samples.safetensors")
    assert same(loaded, samples)
    assert set(loaded.data) == set(samples.data)
    assert all(loaded[name].dtype == samples[name].dtype and loaded[name].shape == samples[name].shape for name in samples.data)
    assert (loaded.weight is None) == (not weighted)


def test_a_cut_stores_only_itself(tmp_path: Path):
    long = Samples.real(x=torch.randn(10_000, 8))
    cut = long.take(slice(10, 20))
    cut.save(tmp_path / "cut.safetensors")
    assert same(Samples.load(tmp_path / "cut.safetensors"), cut)
    assert (tmp_path / "cut.safetensors").stat().st_size < cut.nbytes() + 1_000


def test_a_transposed_tensor_is_stored_and_hashed_by_its_values(tmp_path: Path):
    turned = Samples.real(x=torch.arange(6.0).reshape(2, 3).T)
    turned.save(tmp_path / "turned.safetensors")
    assert Samples.load(tmp_path / "turned.safetensors")["x"].tolist() == [[0, 3], [1, 4], [2, 5]]
    assert same(turned, Samples.real(x=turned["x"].contiguous()))


def test_size_counts_data_origin_and_weight():
    samples = Samples.real(x=torch.zeros(10, 3), y=torch.zeros(10, dtype=torch.bool))
    assert samples.nbytes() == 10 * (3 * 4 + 1 + 8)
    assert samples.weighted(torch.ones(10)).nbytes() == samples.nbytes() + 10 * 8


# Fingerprint


def test_the_fingerprint_stays_the_same_from_one_version_to_the_next():
    samples = Samples.real(x=torch.arange(6, dtype=torch.float32).reshape(3, 2))
    assert samples.fingerprint() == "c123bb71d145e5c747a57b88d1de7d55ce71ceaa3a735bc30bd21d6144d08359"


@given(st.integers(0, 4), st.integers(0, 8 * 4 * 3 - 1))
def test_the_fingerprint_moves_with_any_bit(row, bit):
    samples = mixed()
    x = samples["x"].clone()
    x.view(torch.uint8).view(6, -1)[row, bit // 8] ^= 1 << bit % 8
    assert not same(Samples({**samples.data, "x": x}, samples.origin, samples.weight), samples)


def test_the_fingerprint_moves_with_type_shape_name_origin_and_weight():
    zeros = torch.zeros(4, 2)
    variants = [
        Samples.real(x=zeros),
        Samples.real(y=zeros),
        Samples.real(x=zeros.int()),
        Samples.real(x=zeros.reshape(4, 2, 1)),
        Samples.real(x=zeros.reshape(4, 1, 2)),
        Samples.real(x=-zeros),
        Samples.real(x=zeros, y=zeros),
        Samples.synthetic({"x": zeros}, 0),
        Samples.synthetic({"x": zeros}, 1),
        Samples.real(x=zeros).weighted(torch.ones(4)),
        Samples.real(x=zeros).weighted(torch.zeros(4)),
        Samples.real(x=zeros[:3]),
    ]
    assert len({samples.fingerprint() for samples in variants}) == len(variants)


def test_the_fingerprint_does_not_depend_on_the_order_of_names():
    a, b = torch.zeros(2), torch.ones(2)
    assert same(Samples.real(a=a, b=b), Samples.real(b=b, a=a))


def test_the_data_hash_moves_with_every_split_and_with_their_order():
    a, b, c = numbered(3), numbered(2), numbered(1)
    hashes = {Splits(*parts).data_hash() for parts in [(a, b, c), (b, a, c), (a, c, b), (a, b, b), (a, b, numbered(1, start=5))]}
    assert len(hashes) == 5
    assert all(len(text) == 16 for text in hashes)


# Mismatches


@pytest.mark.parametrize(
    "parts",
    [
        ({"x": torch.zeros(3), "y": torch.zeros(2)}, torch.zeros(3, dtype=torch.int64), None),
        ({"x": torch.zeros(3)}, torch.zeros(2, dtype=torch.int64), None),
        ({"x": torch.zeros(3)}, torch.zeros(3, dtype=torch.int64), torch.ones(1)),
        ({}, torch.zeros(3, dtype=torch.int64), None),
    ],
)
def test_tensors_that_differ_in_their_first_dimension_are_refused(parts):
    with pytest.raises(ValueError, match="share their first dimension"):
        Samples(*parts)


def test_weights_of_another_length_are_refused():
    with pytest.raises(ValueError, match="share their first dimension"):
        numbered(3).weighted(torch.ones(2))


def test_parts_that_hold_different_tensors_are_not_joined():
    narrow, wide = Samples.real(x=torch.zeros(2)), Samples.real(x=torch.zeros(2), y=torch.zeros(2))
    for parts in ([narrow, wide], [wide, narrow]):
        with pytest.raises(ValueError, match="must hold the same tensors"):
            Samples.concat(parts)
