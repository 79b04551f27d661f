"""How a run is watched: the time left by each regime's own cost, the chains at work on a terminal, plain lines elsewhere."""

import io
import re

import pytest
from planning_support import plan, regime, suite
from rich.console import Console

from fortifai.planning.chains import ChainStatus, PlannedChain
from fortifai.planning.cost import Speed
from fortifai.runner.forecast import Forecast, forecast
from fortifai.runner.progress import _Workers, watch


def chain(name: str, seed: int = 0, horizon: int = 9) -> PlannedChain:
    return PlannedChain(
        id=f"{name}{seed}", regime=name, strategy="replace", objective="ce", seed=seed, horizon=horizon, n=10, data_hash="d"
    )


SPEEDS = {"slow": Speed(100.0, 0.0), "fast": Speed(1.0, 0.0)}


def made(*chains: PlannedChain, workers: int = 1) -> Forecast:
    return Forecast([ChainStatus(one, "pending") for one in chains], SPEEDS, [True] * len(chains), workers)


def test_nothing_is_said_before_anything_was_measured():
    assert made(chain("fast")).seconds() is None


def test_a_regime_that_has_not_begun_counts_by_its_own_cost():
    """By the mean over all generations, ten of a second each would promise ten more of the slow regime in ten seconds."""
    fast, slow = chain("fast"), chain("slow")
    left = made(fast, slow)
    for generation in range(10):
        left.generation(fast, generation, 2.0)  # twice what the plan said
    assert left.seconds() == pytest.approx(10 * 200)


def test_a_regime_that_was_measured_counts_by_that():
    fast, slow = chain("fast"), chain("slow")
    left = made(fast, slow)
    left.generation(fast, 0, 2.0)
    left.generation(slow, 0, 50.0)
    assert left.seconds() == pytest.approx(9 * 2 + 9 * 50)


def test_workers_divide_it_as_far_as_there_are_chains():
    chains = [chain("slow", seed) for seed in range(4)]
    left = made(*chains, workers=3)
    left.generation(chains[0], 0, 100.0)
    assert left.seconds() == pytest.approx(39 * 100 / 3)
    for one in chains[:2]:
        left.ended(one)  # diverged: what was left of them is not run
    assert left.seconds() == pytest.approx(20 * 100 / 2)


def test_a_run_that_is_taken_further_counts_what_is_missing_of_it():
    one = chain("slow")
    left = Forecast([ChainStatus(one, "partial", 7)], SPEEDS, [True], 1)
    left.generation(one, 7, 100.0)
    assert left.seconds() == pytest.approx(200)


def test_a_shared_generation_0_counts_once():
    chosen = plan(suite(regime(generations=1, seeds=1)))
    statuses = [ChainStatus(one, "pending") for one in chosen.chains]
    left = forecast(chosen, statuses, {"plain": Speed(1.0, 0.0, first=50.0)}, workers=1)
    assert len(statuses) > 1
    left.generation(statuses[0].chain, 1, 1.0)
    assert left.seconds() == pytest.approx(50 * len({chosen.generation_0(one) for one in chosen.chains}) + len(statuses) - 1)


def test_a_chain_of_which_only_a_picture_is_missing_changes_nothing():
    left = made(chain("fast"))
    left.ended(chain("fast", 7))
    left.generation(chain("fast"), 0, 1.0)
    assert left.seconds() == pytest.approx(9)


def drawn(shown: _Workers) -> list[str]:
    console = Console(file=io.StringIO(), width=100, force_terminal=True, color_system=None)
    console.print(shown.render())
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", console.file.getvalue()).splitlines()


def test_a_terminal_shows_the_chains_at_work_and_the_time_left():
    one, two = chain("slow"), chain("fast", 3)
    shown = _Workers(Console(file=io.StringIO(), force_terminal=True), 20, made(one, two))
    shown.started(one)
    shown.started(two)
    shown.generation(two, 0, 1.0)
    bar, headings, *rows = drawn(shown)
    assert "1/20" in bar
    assert "about 0:16:49 left" in bar
    assert headings.split() == ["regime", "strategy", "objective", "seed", "generation", "seconds"]
    assert [row.split() for row in rows] == [["slow", "replace", "ce", "0", "0"], ["fast", "replace", "ce", "3", "1/9", "0"]]
    shown.ended(two)
    assert len(drawn(shown)) == 3


def test_a_name_is_shown_as_it_stands():
    one = chain("[red]x\x1b[2J", horizon=3)
    shown = _Workers(Console(file=io.StringIO(), force_terminal=True), 4, Forecast([], {}, [], 1))
    shown.started(one)
    assert r"[red]x\x1b[2J" in drawn(shown)[-1]


def test_elsewhere_there_are_plain_lines(capsys):
    one = chain("fast", horizon=1)
    with watch(2, made(one)) as watcher:
        watcher.started(one)
        watcher.generation(one, 0, 1.0)
        watcher.generation(one, 1, 1.0)
        watcher.ended(one)
    assert capsys.readouterr().err == "2/2 generations, 0 s, about 0 s left\n"
    with watch(2, made(one), quiet=True) as watcher:
        watcher.generation(one, 0, 1.0)
        watcher.say("it diverged")
    assert capsys.readouterr().err == "it diverged\n"
