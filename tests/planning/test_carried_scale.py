"""Confidence whose scale is a part of the model: what a chain that starts every fit from scratch is refused."""

import pytest

from fortifai.errors import UserError
from fortifai.planning.chains import Selection
from fortifai.planning.plan import make_plan
from fortifai.planning.suite import canonical_objectives
from fortifai.planning.suite_file import load_suite

SCALED = ["tce:gamma=0.9,unit=pixel", "focal", "tce-adaptive", "tce-anchored", "tce-online:unit=sample"]
BY_ORDER = ["ce", "tce-quantile:keep=0.9", "tce-reverse:unit=sample", "tce:gamma=0.9,scale=relative", "focal:scale=relative"]


@pytest.mark.parametrize("name", SCALED)
def test_objectives_that_compare_generations_need_warm_starts_where_the_scale_is_carried(name: str) -> None:
    assert len(canonical_objectives((name,), "image-diffusion", "warm")) == 2
    assert len(canonical_objectives((name,), "image-vae", "scratch")) == 2
    with pytest.raises(UserError, match=r'a fit from scratch sets its scale anew.*: set start = "warm"'):
        canonical_objectives((name,), "image-diffusion", "scratch")


def test_objectives_that_go_by_order_or_are_relative_do_not() -> None:
    assert len(canonical_objectives(tuple(BY_ORDER), "image-diffusion", "scratch")) == len(BY_ORDER)


def test_anchors_of_groups_need_warm_starts_which_keep_the_groups() -> None:
    assert len(canonical_objectives(("tce-anchored",), "tabular", "warm")) == 2
    assert len(canonical_objectives(("tce-anchored:unit=row", "tce-online"), "tabular", "scratch")) == 3
    with pytest.raises(UserError, match=r'every component to its own anchor.*: set start = "warm", or unit=row'):
        canonical_objectives(("tce-anchored",), "tabular", "scratch")


def test_a_suite_and_a_selection_are_refused_alike() -> None:
    with pytest.raises(UserError, match=r"objectives: objective 'tce:gamma=0.9,unit=pixel' compares confidence over generations"):
        load_suite("image-diffusion", ["start=scratch"])
    suite = load_suite("image-diffusion", ["start=scratch", 'objectives=["ce"]'])
    with pytest.raises(UserError, match=r"'tce-anchored.*' compares confidence over generations"):
        make_plan(suite, Selection(objectives=["tce-anchored"]))
