"""The null: what the fidelity metric reads when a model repeats one training sample."""

import pytest
import torch
from gaussian_support import SPLITS, Gaussian, Inputs, metric, normal

from fortifai.contract.samples import Samples, Splits
from fortifai.recursion.null import NULLS, measure_nulls

seen: list[Inputs] = []


def first(inputs: Inputs) -> float:
    """Return the value that is repeated."""
    seen.append(inputs)
    return float(inputs.synthetic["x"][0])


def nulls(splits: Splits = SPLITS, n: int = 30, **changes: object) -> list[float]:
    seen.clear()
    declared = metric("first", compute=f"{__name__}:first", reads=("real", "synthetic"), **changes)
    return measure_nulls(Gaussian(splits=splits), declared, n)


def test_there_are_64_nulls_each_one_training_sample_repeated_n_times():
    values = nulls()
    assert len(values) == len(seen) == NULLS == 64
    pool = set(SPLITS.train["x"].tolist())
    for value, inputs in zip(values, seen, strict=True):
        assert value in pool
        assert inputs.synthetic["x"].tolist() == [value] * 30
        assert not inputs.synthetic.is_real().any()
        assert inputs.fitted is None
        assert inputs.splits is SPLITS


def test_nulls_are_of_many_samples_and_the_same_every_time():
    assert nulls() == nulls() == nulls(n=7)
    assert len(set(nulls())) > NULLS / 2
    assert nulls() != nulls(Splits(normal(2_000, 8), SPLITS.validation, SPLITS.test))


def test_what_depends_on_real_data_alone_is_computed_once_for_all_nulls():
    nulls()
    assert all(inputs.cache is seen[0].cache for inputs in seen)


@pytest.mark.parametrize("size", [1, 3])
def test_a_small_pool_serves_all_nulls(size):
    splits = Splits(Samples.real(x=torch.arange(float(size))), SPLITS.validation, SPLITS.test)
    assert set(nulls(splits)) == set(range(size))


def test_an_accuracy_has_chance_for_its_null_and_is_not_measured():
    assert nulls(better="higher", chance=0.1) == []
    assert seen == []
