"""An adapter that breaks the contract fails every chain of its regime: the first says so, and the other regimes are run."""

from pathlib import Path

import pytest
from runner_support import numbers, plugged_in, write_suite

import fortifai
from fortifai.errors import RunFailed
from fortifai.records.status import read_status
from fortifai.runner.lock import holder

pytestmark = pytest.mark.usefixtures("plugged")

REASON = "Faulty.sample should return 'x' of shape (40, 4), and returned (39, 4)"


def two_regimes(folder: Path) -> Path:
    """Write a suite whose regime small is of 40 samples, and large of 50."""
    folder.mkdir(exist_ok=True)
    suite = write_suite(folder, "faulty", ("ce", "tce"), ("replace", "control"))
    suite.write_text(suite.read_text() + "[regimes.large]\nn = 50\n")
    return suite


def run(folder: Path, **options: object) -> Path:
    choice = {"quiet": True, "executor": "in-process", "generations": 1}
    return fortifai.run(two_regimes(folder), folder, **(choice | options)).path


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, plugin: Path) -> dict[str, object]:
    with plugged_in(plugin):
        return numbers(run(tmp_path_factory.mktemp("whole")))


@pytest.mark.parametrize(("executor", "workers"), [("in-process", 1), ("local", 1)])
def test_a_regime_is_given_up_after_its_first_chain_and_the_others_are_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, whole: dict[str, object], executor: str, workers: int
) -> None:
    monkeypatch.setenv("TOO_FEW", "40")
    with pytest.raises(RunFailed) as failed:
        run(tmp_path, executor=executor, workers=workers)
    first, *lines = str(failed.value).splitlines()
    assert first == "8 of 16 chains did not finish:"
    given_up = "  regime 'small' is given up: the adapter breaks the contract; its other 7 chains would fail in the same way"
    assert [line for line in lines if line.startswith("  regime")] == [f"{given_up}, and were not run"]
    assert any(line.startswith("  small ") and line.endswith(REASON) for line in lines)
    status = read_status(tmp_path / "tiny@1")
    assert {chain["state"] for chain in status if chain["regime"] == "large"} == {"done"}
    failures = [chain["reason"] for chain in status if chain["state"] == "failed"]
    assert set(failures) == {REASON}
    assert len(failures) <= workers
    assert all(chain["finished"] == 0 for chain in status if chain["regime"] == "small")
    assert holder(tmp_path / "tiny@1") is None, "no worker is left, and none was started for the chains that were given up"
    monkeypatch.delenv("TOO_FEW")
    assert numbers(run(tmp_path)) == whole


def test_every_regime_whose_adapter_breaks_the_contract_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOO_FEW", "40")
    suite = two_regimes(tmp_path)
    suite.write_text(suite.read_text().replace("n = 50", "n = 40\nsampling.temperature = 0.5"))
    with pytest.raises(RunFailed, match="16 of 16 chains did not finish") as failed:
        fortifai.run(suite, tmp_path, quiet=True, executor="in-process", generations=1)
    assert [line.split()[1] for line in str(failed.value).splitlines() if "is given up" in line] == ["'small'", "'large'"]


def test_chains_beyond_a_limit_are_not_counted_as_failed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOO_FEW", "40")
    with pytest.raises(RunFailed) as failed:
        run(tmp_path, limit=3)
    first, *_ = str(failed.value).splitlines()
    assert first == "3 of 3 chains did not finish:"
    assert "its other 2 chains would fail in the same way" in str(failed.value)
    monkeypatch.delenv("TOO_FEW")
    chosen = {"quiet": True, "executor": "in-process", "generations": 1}
    result = fortifai.run(two_regimes(tmp_path), tmp_path, limit=3, **chosen)
    assert (result.chains, result.left) == (3, 13)


def test_one_chain_is_not_a_regime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOO_FEW", "40")
    with pytest.raises(RunFailed, match=r"regime 'small' is given up: the adapter breaks the contract\n"):
        run(tmp_path, regimes=["small"], seeds=1, strategies=["replace"], objectives=["ce"])
