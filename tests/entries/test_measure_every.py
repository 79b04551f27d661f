"""A cadence: other metrics than the one that is scored by are measured every so many generations, and no number moves by it."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from cli_support import Call
from entry_support import SUBMISSION, SUITE

import fortifai
from fortifai.entries import check, submit
from fortifai.errors import UserError
from fortifai.fidelity.trajectories.reading import read_run
from fortifai.records.numbers import Columns
from fortifai.records.run_numbers import numbers_of

SCORED, HORIZON = "sliced_wasserstein", 3


@pytest.fixture(scope="module")
def sparse_suite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("suite") / "tiny.toml"
    path.write_text(f"{SUITE}measure_every = 2\n")
    return path


@pytest.fixture(scope="module")
def sparse(sparse_suite: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small run with a cadence, stopped after its second generation and taken further."""
    out = tmp_path_factory.mktemp("sparse")
    fortifai.run(sparse_suite, out, generations=2, quiet=True, executor="in-process")
    return fortifai.run(sparse_suite, out, quiet=True, executor="in-process").path


def columns(run: Path) -> dict[tuple[str, str, int], Columns]:
    return {(one.strategy, one.objective, one.seed): one.generations for one in numbers_of(run).chains}


def test_what_is_due_has_the_numbers_that_it_has_without_a_cadence(run: Path, sparse: Path) -> None:
    whole, some = columns(run), columns(sparse)
    assert whole.keys() == some.keys()
    for key, chain in whole.items():
        assert some[key].masked_share == chain.masked_share
        for name, column in chain.metrics.items():
            due = column if name == SCORED else [column[0], None, column[2], None]
            assert some[key].metrics[name] == due, name


def test_chains_with_a_cadence_are_others_and_without_one_are_those_from_before_it(run: Path, sparse: Path) -> None:
    ids = [{chain.id for chain in numbers_of(folder).chains} for folder in (run, sparse)]
    assert not ids[0] & ids[1]
    regimes = [numbers_of(folder).settings[0].identity["regime"] for folder in (run, sparse)]
    assert [regime.get("measure_every") for regime in regimes] == [None, 2]
    assert {name: value for name, value in regimes[1].items() if name != "measure_every"} == regimes[0]


def test_a_score_by_another_metric_goes_by_the_generations_that_have_it(run: Path, sparse: Path) -> None:
    curves = [one for one in read_run(sparse).curves if (one.group.strategy, one.objective) == ("replace", "ce")]
    assert {tuple(one.generation) for one in curves if one.metric == SCORED} == {(0, 1, 2, 3)}
    measured = [one for one in curves if one.metric == "nll"]
    assert {tuple(one.generation) for one in measured} == {(0, 2)}
    first, second = np.array([one.value for one in measured]).T  # one number of every seed
    limit = float((first + second).mean() / 2)
    crossing = np.where(second > limit, 2 * (limit - first) / (second - first), HORIZON)
    rows = fortifai.score(sparse, rule=f"nll>{limit!r}", better="lower").rows
    (row,) = [row for row in rows if (row.strategy, row.objective) == ("replace", "ce")]
    assert row.fidelity_interval is not None
    assert row.fidelity_interval.value == pytest.approx(crossing.mean())
    assert 0 < row.fidelity_interval.value < HORIZON
    assert fortifai.score(sparse).rows[0].fidelity_interval == fortifai.score(run).rows[0].fidelity_interval


def test_an_entry_of_it_may_stand(sparse: Path, sparse_suite: Path, tmp_path: Path) -> None:
    file, _ = submit(sparse, SUBMISSION, tmp_path)
    assert [one.faults for one in check([file], suite=str(sparse_suite))] == [[]]


def test_a_suite_says_its_cadence(sparse_suite: Path, suite: Path, call: Call) -> None:
    assert "ks_max, ks_mean, nll, every 2 generations" in call("describe", sparse_suite).out
    assert "every" not in call("describe", suite).out
    refused = call("plan", suite, "--set", "measure_every=0")
    assert refused.code == 2
    assert "measure_every" in refused.err


def test_a_run_is_not_gone_on_with_by_another_cadence(run: Path, sparse_suite: Path, suite: Path, tmp_path: Path) -> None:
    here = shutil.copytree(run, tmp_path / run.name)
    with pytest.raises(UserError, match="measure_every"):
        fortifai.run(sparse_suite, tmp_path, quiet=True)
    assert fortifai.run(suite, tmp_path, quiet=True).path == here
