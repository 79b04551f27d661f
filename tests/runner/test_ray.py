"""Chains on a Ray cluster of two nodes: the numbers of a local run, whatever becomes of nodes, workers and the driver."""

import json
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cluster_support import CHOICE, SUITE, local_run, write_bell
from runner_support import FORTIFAI, numbers

import fortifai
from fortifai import code_files
from fortifai.errors import RunFailed, UserError
from fortifai.records.status import read_status
from fortifai.records.verification import verify_run
from fortifai.runner.cluster import node as node_side
from fortifai.runner.cluster.inbox import Inbox
from fortifai.runner.cluster.parcels import Changes

ray = pytest.importorskip("ray")
cluster_utils = pytest.importorskip("ray.cluster_utils")

SECONDS = 60
"""After which a run that hangs fails its test."""

QUICK = {"health_check_initial_delay_ms": 0, "health_check_period_ms": 500, "health_check_failure_threshold": 4}
"""How soon the cluster notices that a node is gone."""

NODE: dict[str, Any] = {"num_cpus": 1, "object_store_memory": 80 * 2**20}

DEADLY = '''
import os, signal
from pathlib import Path
from fortifai.objectives import Selective

class Deadly(Selective):
    """Cross entropy that ends the process of a chain which has come to generation 2, while a file says so."""

    elementwise = True

    def for_generation(self, past):
        if len(past) == 2 and Path({flag!r}).exists():
            os.kill(os.getpid(), signal.SIGKILL)
        return self

    def weights(self, confidence, mass=None):
        return confidence.detach() * 0 + 1
'''


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """Two nodes of one core each, which this process is connected to."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        nodes = cluster_utils.Cluster(
            initialize_head=True, head_node_args={**NODE, "include_dashboard": False, "_system_config": QUICK}
        )
        nodes.add_node(**NODE)
        ray.init(address=nodes.address, log_to_driver=False, logging_level="error")
        yield nodes
        ray.shutdown()
        nodes.shutdown()


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return local_run(tmp_path_factory.mktemp("local"))


def ray_run(folder: Path, executor: str = "ray", **options: Any) -> Path:
    return fortifai.run(write_bell(folder), folder, executor=executor, **({"quiet": True} | CHOICE | options)).path


def at_commit(monkeypatch: pytest.MonkeyPatch, number: int, act: Callable[[], object]) -> None:
    """Do something before a run commits, for the n-th time, what a node has sent of a chain."""
    commit, seen = Inbox.commit, []

    def counting(self: Inbox, changes: Changes) -> None:
        seen.append(changes)
        if len(seen) == number:
            act()
        commit(self, changes)

    monkeypatch.setattr(Inbox, "commit", counting)


def test_a_run_on_two_nodes_has_the_numbers_of_a_local_one(
    cluster: Any, tmp_path: Path, local: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    run = ray_run(tmp_path, quiet=False)
    assert numbers(run) == numbers(local)
    assert verify_run(run).is_whole
    assert f"on the Ray cluster at {cluster.address}: 2 nodes, 2 chains at once" in capfd.readouterr().err
    assert {path.name for path in run.iterdir() if path.name.startswith(".")} == set()


def test_a_worker_that_is_killed_fails_its_chain_and_code_of_ones_own_reaches_the_nodes(
    cluster: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(code_files, "_files", {})
    flag = tmp_path / "deadly"
    flag.touch()
    (tmp_path / "mine.py").write_text(DEADLY.format(flag=str(flag)))
    choice: dict[str, Any] = {"objectives": [f"{tmp_path}/mine.py:Deadly"], "strategies": ["replace"], "seeds": 1}
    with pytest.raises(RunFailed, match=r"mine\.py:Deadly.*: node .*: its worker process was ended; out of memory\?"):
        ray_run(tmp_path, **choice)
    run = tmp_path / "bell@1"
    states = {chain["objective"]: (chain["state"], chain["finished"]) for chain in read_status(run)}
    assert states.pop("ce") == ("done", 6)
    assert list(states.values()) in ([("failed", 1)], [("failed", 2)])  # the second may have been on its way
    flag.unlink()
    ray_run(tmp_path, **choice)
    lines = {json.loads((file.parent / "chain.json").read_text())["objective"]: file for file in run.glob("*/generations.jsonl")}
    metrics = [[json.loads(line)["metrics"] for line in file.read_text().splitlines()] for file in lines.values()]
    assert len(metrics) == 2
    assert metrics[0] == metrics[1]  # this one weighs as cross entropy does


def test_a_run_that_is_interrupted_leaves_nothing_at_work_and_resumes(
    cluster: Any, tmp_path: Path, local: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        at_commit(patch, 5, interrupt)
        with pytest.raises(KeyboardInterrupt):
            ray_run(tmp_path)
    until = time.monotonic() + SECONDS
    while ray.available_resources().get("CPU") != 2.0:  # tasks have given their cores back
        assert time.monotonic() < until
        time.sleep(0.05)
    assert not list((tmp_path / "bell@1").glob(".arriving*"))
    assert verify_run(tmp_path / "bell@1").findings == ()
    assert numbers(ray_run(tmp_path)) == numbers(local)


def test_nodes_that_have_something_else_than_this_machine_are_refused_with_both(
    cluster: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = node_side.versions() | {"fortifai": "0.0.9"}
    monkeypatch.setattr(node_side, "versions", lambda: here)
    with pytest.raises(UserError, match=r"node .* has fortifai .*, and here is 0\.0\.9.*: install the same on every node"):
        ray_run(tmp_path)
    assert not list(tmp_path.glob("bell@1/*/chain.json"))


@pytest.mark.parametrize(
    ("executor", "message"),
    [
        ("ray:gpus_per_chain=1", "--gpus-per-chain 1: no node of the cluster has a GPU"),
        ("ray:cpus_per_chain=2", "no node of the cluster has 2 cores for a chain; the most is 1"),
    ],
)
def test_more_than_there_is_is_refused(cluster: Any, tmp_path: Path, executor: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        ray_run(tmp_path, executor)


def test_a_node_says_which_data_it_lacks(cluster: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = tmp_path / "mine.csv"
    table.write_text("a,b\n" + "".join(f"{i},{i * i % 17}\n" for i in range(200)))
    text = (
        SUITE.replace("analytic-gaussian", "tabular").replace("n = 20", "n = 60").replace("gaussian_spread", "sliced_wasserstein")
    )
    suite = write_bell(tmp_path, f'{text}data.source = "{table}"\n'.replace("tce:gamma=0.85", "tce"))
    here = fortifai.runner.run.make_plan

    def then_gone(*arguments: Any, **options: Any) -> Any:
        plan = here(*arguments, **options)
        table.unlink()
        return plan

    monkeypatch.setattr(fortifai.runner.run, "make_plan", then_gone)
    with pytest.raises(RunFailed, match=r"node .*: .*no data file '.*mine\.csv'"):
        fortifai.run(suite, tmp_path, seeds=1, executor="ray", quiet=True)


def test_a_node_that_is_removed_without_grace_costs_a_generation_and_no_number(
    cluster: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "local").mkdir()
    (lost,) = cluster.worker_nodes
    commit = Inbox.commit

    def losing(self: Inbox, changes: Changes) -> None:
        free = ray._private.state.available_resources_per_node().get(lost.node_id, {"CPU": 1})
        at_work = lost in cluster.worker_nodes and not free.get("CPU") and any("generation-0" in name for name in changes.removed)
        if at_work:  # far from its end: it has sent no more than has been taken
            cluster.remove_node(lost, allow_graceful=False)
        commit(self, changes)

    monkeypatch.setattr(Inbox, "commit", losing)
    local = local_run(tmp_path / "local", generations=30)
    try:
        run = ray_run(tmp_path, generations=30)
    finally:
        cluster.add_node(**NODE)
    assert "was lost; it goes on elsewhere, from what is committed" in capfd.readouterr().err
    assert numbers(run) == numbers(local)
    assert verify_run(run).is_whole


def test_a_driver_that_is_killed_is_run_again(cluster: Any, tmp_path: Path, local: Path) -> None:
    run, one = tmp_path / "bell@1", ("--strategy", "replace", "--objective", "ce", "--seeds", "1")
    words = ("run", write_bell(tmp_path), "--out", tmp_path, *one, "--executor", "ray", "--address", cluster.address)
    driver = subprocess.Popen([*FORTIFAI, *map(str, words)], stderr=subprocess.DEVNULL)
    until = time.monotonic() + SECONDS
    while not any(file.read_text().count("\n") > 1 for file in run.glob("*/generations.jsonl")):
        assert time.monotonic() < until
        assert driver.poll() is None
        time.sleep(0.005)
    driver.kill()
    driver.wait()
    assert numbers(ray_run(tmp_path)) == numbers(local)
