"""A suite may run its control chains by fewer seeds than the others: the same chains, fewer of them."""

import pytest
from planning_support import regime

from fortifai.planning.chains import Selection, chains_of
from fortifai.planning.suite_file import load_suite
from fortifai.runner.run_folder import describe


def seeds(explore: bool = False, **selection: object) -> dict[str, list[int]]:
    chosen = regime(seeds=5, explore_seeds=3, control_seeds=2, objectives=("ce", "tce:gamma=0.9"))
    found: dict[str, list[int]] = {}
    for chain in chains_of(chosen, None, Selection(**selection), explore=explore):
        if chain.objective == "ce":
            found.setdefault(chain.strategy, []).append(chain.seed)
    return found


def test_the_control_has_the_first_seeds_alone():
    assert seeds() == {"replace": [0, 1, 2, 3, 4], "control": [0, 1]}
    assert seeds(explore=True) == {"replace": [10_000, 10_001, 10_002], "control": [10_000, 10_001]}


@pytest.mark.parametrize(("asked", "control"), [(1, 1), (2, 2), (9, 2)])
def test_a_number_that_is_asked_for_does_not_lift_the_limit(asked, control):
    assert {strategy: len(own) for strategy, own in seeds(seeds=asked).items()} == {"replace": asked, "control": control}


def test_a_suite_without_it_is_described_as_it_was_before_there_was_one():
    described = describe(load_suite("tabular-gmm"))
    assert all("control_seeds" not in table for table in described["regimes"].values())
    assert "control_seeds" in describe(load_suite("tabular-gmm", ["control_seeds=3"]))["regimes"]["drift"]
