"""Seeds that settings are chosen on: other chains than those of a published table, in a run folder of their own."""

import pytest
from planning_support import regime

from fortifai.errors import UserError
from fortifai.limits import EXPLORE_FROM, MOST_SEEDS, is_explore_seed
from fortifai.planning.chains import Selection
from fortifai.planning.plan import Plan, make_plan
from fortifai.planning.suite import Suite
from fortifai.planning.suite_file import load_suite
from fortifai.sanitise import is_exploration, run_name


def plan(explore: bool, **selection: object) -> Plan:
    overrides = {"explore": True} if explore else {}
    regimes = (regime(seeds=2, explore_seeds=3),)
    suite = Suite(schema=1, name="own", version=1, summary="", regimes=regimes, source={}, overrides=overrides)
    return make_plan(suite, Selection(**selection))


def test_the_two_kinds_of_seeds_never_meet():
    seeds = {explore: {chain.seed for chain in plan(explore).chains} for explore in (False, True)}
    assert seeds == {False: {0, 1}, True: {10_000, 10_001, 10_002}}
    assert not any(map(is_explore_seed, seeds[False]))
    assert all(map(is_explore_seed, seeds[True]))
    assert not is_explore_seed(MOST_SEEDS - 1)  # the largest that a table can rest on
    assert {chain.id for chain in plan(False).chains}.isdisjoint({chain.id for chain in plan(True).chains})


def test_seeds_are_counted_from_the_first_of_their_kind():
    assert {chain.seed for chain in plan(True, seeds=1).chains} == {EXPLORE_FROM}


def test_a_run_of_explore_seeds_has_a_name_of_its_own():
    names = [load_suite("quick", settings).tag for settings in ((), ["explore=true"], ["n=9"], ["n=9", "explore=true"])]
    assert len(set(names)) == 4
    assert names[1] == f"{names[0]}+explore"
    assert names[3] == f"{names[2]}+explore"
    assert list(map(is_exploration, names)) == [False, True, False, True]
    assert run_name("quick", 3, {}) == "quick@3"


@pytest.mark.parametrize("value", ["false", "1", "yes"])
def test_a_setting_that_only_looks_like_it_is_refused(value):
    with pytest.raises(UserError, match=r"--set explore=.*: should be true, or left out"):
        load_suite("quick", [f"explore={value}"])
    with pytest.raises(UserError, match="explore"):
        load_suite("quick", ["regimes.text.explore=true"])
