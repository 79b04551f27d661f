"""Anchored TCE: what it keeps of generation 0, and what it does with it."""

import math

import pytest
import torch
from gaussian_support import metric, run

from fortifai.config import Sampling
from fortifai.contract.declaration import modalities
from fortifai.errors import UserError
from fortifai.modalities.analytic.config import AnalyticData, GaussianConfig
from fortifai.objectives import CrossEntropy, Memory, TruncatedCrossEntropy, resolve
from fortifai.recursion.measurement import ANCHOR


def test_generation_0_is_cross_entropy():
    assert isinstance(resolve("tce-anchored").for_generation([]), CrossEntropy)


def test_a_generation_0_without_anchors_is_an_error_and_no_cross_entropy():
    with pytest.raises(ValueError, match="tce-anchored reads anchors, which generation 0 did not record"):
        resolve("tce-anchored").for_generation([Memory()])


def test_one_anchor_is_a_threshold_that_never_moves():
    past = [Memory(anchors=(0.4,)), Memory(), Memory()]
    for generations in (1, 2, 3):
        settled = resolve("tce-anchored").for_generation(past[:generations])
        assert isinstance(settled, TruncatedCrossEntropy)
        assert settled.gamma == 0.4


def test_several_anchors_hold_each_group_to_its_own():
    settled = resolve("tce-anchored").for_generation([Memory(anchors=(0.4, 2.5))])
    confidence = torch.tensor([[0.5, 0.5], [0.3, 3.0]])
    assert settled.weights(confidence).tolist() == [[0, 1], [1, 0]]
    for group in (0, 1):
        column = settled.for_group(group).weights(confidence[:, group])
        assert torch.equal(column, settled.weights(confidence)[:, group])


def test_outside_a_chain_it_says_what_to_use():
    for use in (lambda: resolve("tce-anchored").outside_chain(), lambda: resolve("tce-anchored").weights(torch.rand(3))):
        with pytest.raises(UserError, match=r"measures confidence by a chain's generation 0, and no chain runs here.*tce:gamma"):
            use()


def test_a_chain_is_held_to_the_mode_of_its_own_generation_0():
    gaussian = modalities.get("analytic-gaussian")
    adapter = gaussian.bind(GaussianConfig(), AnalyticData(rows=1000))
    changes = {"adapter": adapter, "start": "warm", "sampling": Sampling(temperature=0.5), "n": 500}
    history = run(3, objective="tce-anchored", metrics=(metric("distance"),), **changes)
    first, *later = history.records
    mode = 1 / math.sqrt(2 * math.pi * float(history.models[0].variance))
    assert first.notes == {f"{ANCHOR}0": pytest.approx(mode, rel=1e-12)}
    assert all(record.notes == {} for record in later)
    # The model that judges generation 1 is that of generation 0, which is no surer than itself; after that it is narrower.
    assert later[0].masked_share == 0
    assert 0 < later[1].masked_share < 1
    plain = run(3, metrics=(metric("distance"),), **changes)
    assert history.models[3].variance > plain.models[3].variance
