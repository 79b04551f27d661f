"""From small generations to whole ones: exact where time follows the law that is assumed, and tried out once."""

from collections.abc import Iterator

import pytest
from planning_support import NOTHING, Done, cost, plan, regime, suite

from fortifai.planning import probing
from fortifai.planning.cost import estimate
from fortifai.planning.loading import Adapters
from fortifai.planning.plan import Measured
from fortifai.recursion import trial as trial_module
from fortifai.recursion.trial import Trial

ONCE = 3.0


def law(n: int, passes: int) -> dict[str, float]:
    """What a generation takes by step: parts that do not move with n, that grow with n, and that grow with n and passes."""
    return {"fit": 0.5 + passes * (0.2 + 0.01 * n), "sample": 0.1 + 0.002 * n, "measure": 1.0 + 0.001 * n}


def small(n: int, passes: int | None, whole: int = 1) -> Trial:
    later = law(n, passes or whole)
    return Trial(n, n, passes, later | {"measure": later["measure"] + ONCE}, later)


@pytest.mark.parametrize(("first", "later"), [(10, 5), (4, 4)])
def test_whole_generations_are_exact_where_time_follows_the_law(first, later):
    tried = [small(32, 1), small(200, 1), small(200, 3)]
    found = probing.paced(tried, 1000, (first, later), regime(generations=10))
    assert found.first == pytest.approx(sum(law(1000, first).values()) + ONCE)
    for size in (1000, 1500):  # of an accumulating strategy, of which n are measured whatever its size
        expected = law(size, later) | {"measure": law(1000, later)["measure"]}
        assert found.fixed + found.per_sample * size == pytest.approx(sum(expected.values()) + ONCE / 10)


def test_fits_that_were_not_measured_tell_of_fits_and_generations_of_measuring():
    def alone(n: int, passes: int) -> Trial:
        seconds = {name: value for name, value in law(n, passes).items() if name != "measure"}
        return Trial(n, n, passes, seconds, seconds)

    for tried in ([small(32, 1), alone(400, 1), alone(400, 3), small(200, 1)], [small(200, 1), alone(400, 1), alone(400, 3)]):
        flat = regime(generations=10, seconds_per_generation=1.0, seconds_per_sample=0.001)
        found = probing.paced(tried, 1000, (10, 5), flat)
        assert found.fixed + found.per_sample * 1000 == pytest.approx(sum(law(1000, 5).values()) + ONCE / 10)


def test_whole_fits_are_exact_too():
    found = probing.paced([small(32, None, 7), small(200, None, 7)], 1000, (None, None), regime(generations=10))
    assert found.fixed + found.per_sample * 1000 == pytest.approx(sum(law(1000, 7).values()) + ONCE / 10)


def test_from_one_size_the_suite_file_says_how_time_grows():
    declared = regime(generations=10, seconds_per_generation=2.0, seconds_per_sample=0.01)
    found = probing.paced([small(200, 1)], 200, (1, 1), declared)
    assert found.per_sample == 0.01
    assert found.fixed + found.per_sample * 200 == pytest.approx(sum(law(200, 1).values()) + ONCE / 10)


@pytest.fixture
def tried(monkeypatch: pytest.MonkeyPatch, tmp_path) -> Iterator[list[float]]:
    """The seconds that were asked for, of trials that take no time, with a cache of the test's own."""
    monkeypatch.setenv("FORTIFAI_CACHE", str(tmp_path / "cache"))
    asked: list[float] = []

    def trials(chain: object, seconds: float) -> list[Trial]:
        asked.append(seconds)
        return [small(32, None), small(60, None)] if seconds >= 1 else []

    monkeypatch.setattr(trial_module, "trials", trials)
    return asked


def probe(seconds: float, done: Done = NOTHING, **changes: object) -> dict[str, probing.Probed]:
    return probing.probe(plan(suite(regime(**changes))), done, Adapters(), seconds)


def test_a_regime_is_tried_out_once_and_again_only_for_longer(tried):
    first = probe(2.0)
    assert probe(2.0) == probe(1.0) == first
    assert tried == [2.0]
    probe(3.0)
    probe(2.0, n=50)  # another regime
    assert tried == [2.0, 3.0, 2.0]


def test_what_told_nothing_is_remembered_too(tried):
    assert probe(0.5) == probe(0.5) == {}
    assert tried == [0.5]
    assert list(probe(2.0)) == ["plain"]


def test_what_was_measured_or_is_not_wanted_is_not_tried_out(tried):
    assert probe(2.0, Done(speed=[Measured(1, 60, 2.0)])) == {}
    assert probe(0.0) == {}
    assert tried == []


def test_what_lacks_something_here_is_not_tried_out(tried, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    assert probe(2.0, gpu=True) == {}
    assert tried == []


def test_the_plan_goes_by_the_probe_until_something_has_run(tried):
    chosen = plan()
    speeds = {name: found.speed for name, found in probing.probe(chosen, NOTHING, Adapters(), 2.0).items()}
    told = estimate(chosen, NOTHING, probed=speeds)
    pace = speeds["plain"]
    assert told.seconds == pytest.approx(4 * pace.first + 8 * 3 * (pace.fixed + 60 * pace.per_sample), abs=2e-3)
    assert (told.basis, cost().basis) == ({"plain": "probed"}, {"plain": "declared"})
    ran = estimate(chosen, Done(speed=[Measured(1, 60, 2.0)]), probed=speeds)
    assert (ran.basis, ran.seconds) == ({"plain": "measured"}, pytest.approx((8 * 3 + 4) * 2.0))


def test_energy_is_the_power_of_the_probe_for_as_long_as_the_rest_takes(tried, monkeypatch):
    chosen = plan()
    probing.probe(chosen, NOTHING, Adapters(), 2.0)
    assert probing.joules(chosen, NOTHING, cost()) is None  # no counter was read
    monkeypatch.setattr(probing.EnergyMeter, "watts", lambda meter: 40.0)
    probing.probe(chosen, NOTHING, Adapters(), 3.0)
    assert probing.joules(chosen, NOTHING, cost()) == pytest.approx(40.0 * cost().seconds, abs=0.1)
