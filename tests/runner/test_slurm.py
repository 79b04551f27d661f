"""Chains as jobs: what Slurm is asked for, and that a job which is preempted, lost or left over moves no number."""

import fcntl
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from cluster_support import CHOICE, chain_task, local_run, write_bell
from runner_support import numbers

import fortifai
import fortifai.runner.worker
from fortifai import code_files
from fortifai.errors import RunFailed, UserError
from fortifai.records.verification import verify_run
from fortifai.runner.cluster import job as node_side
from fortifai.runner.cluster import slurm_executor
from fortifai.runner.cluster.command import Command
from fortifai.runner.cluster.jobs import end_left_over, events_of, note_job
from fortifai.runner.cluster.slurm_executor import SlurmExecutor, SlurmOptions, _Job
from fortifai.runner.executor import Resources, choose
from fortifai.runner.messages import Event, GenerationFinished, TaskStarted

submitit = pytest.importorskip("submitit")

PATIENT = '''
import time
from pathlib import Path
from fortifai.objectives import Selective

class Patient(Selective):
    """Cross entropy that waits before generation 3 while a file is there."""

    elementwise = True

    def for_generation(self, past):
        while len(past) == 3 and Path({flag!r}).exists():
            time.sleep(0.01)
        return self

    def weights(self, confidence, mass=None):
        return confidence.detach() * 0 + 1
'''


class Lost(BaseException):
    """The node is gone."""


class PretendedJob:
    """A job that runs in this process, when it is looked at."""

    def __init__(self, command: Command, number: int, end: Callable[[int], str | None]) -> None:
        self.job_id, self.state, self._over = str(number), "RUNNING", False
        self._words, self._end, self._number = command.words, end, number
        self.paths = type("Paths", (), {"stderr": "the log"})

    def done(self) -> bool:
        if not self._over:
            self._over = True
            self.state = self._end(self._number) or "COMPLETED"
            with suppress(Lost):
                node_side.main(*self._words[-2:])
        return True

    def cancel(self, check: bool = True) -> None:
        self._over = True


class Pretended:
    """An executor of submitit whose jobs run in this process, one after the other; ``end`` says in which state each ends."""

    def __init__(self, end: Callable[[int], str | None] = lambda number: None) -> None:
        self.arrays: list[int] = []
        self.parameters: dict[str, Any] = {}
        self._end = end

    def __call__(self, folder: Path, **options: Any) -> "Pretended":
        return self

    def update_parameters(self, **parameters: Any) -> None:
        self.parameters |= parameters

    @contextmanager
    def batch(self) -> Iterator[None]:
        self.arrays.append(0)
        yield

    def submit(self, command: Command) -> PretendedJob:
        self.arrays[-1] += 1
        return PretendedJob(command, sum(self.arrays), self._end)


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return local_run(tmp_path_factory.mktemp("local"))


@pytest.fixture
def pretend(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Pretended]:
    """Have jobs run in this process."""
    monkeypatch.setattr(slurm_executor, "SILENCE", 0.0)
    monkeypatch.setattr(slurm_executor, "BETWEEN_LOOKS", 0.01)

    def pretend(end: Callable[[int], str | None] = lambda number: None) -> Pretended:
        pretended = Pretended(end)
        monkeypatch.setattr(submitit, "AutoExecutor", pretended)
        return pretended

    return pretend


def job_run(folder: Path, **options: Any) -> Path:
    choice = {"quiet": True, "executor": "slurm:cluster=local"} | CHOICE | options
    return fortifai.run(write_bell(folder), folder, **choice).path


def lose_after(monkeypatch: pytest.MonkeyPatch, generations: int) -> None:
    """Lose the node of every job once it has finished so many generations."""
    perform = fortifai.runner.worker.perform

    def losing(task: Any, adapters: Any, emit: Callable[[Event], None]) -> Event:
        finished: list[Event] = []

        def counting(event: Event) -> None:
            emit(event)
            finished.extend([event] if isinstance(event, GenerationFinished) else [])
            if len(finished) == generations:
                raise Lost

        return perform(task, adapters, counting)

    monkeypatch.setattr(fortifai.runner.worker, "perform", losing)


def test_jobs_come_in_arrays_and_have_the_numbers_of_a_local_run(
    tmp_path: Path, local: Path, pretend: Callable[..., Pretended]
) -> None:
    pretended = pretend()
    run = job_run(tmp_path, executor="slurm:cluster=local,partition=short,minutes=30,memory_gb=4,array_parallelism=7")
    assert numbers(run) == numbers(local)
    # The null; one chain of each seed, which fits generation 0; the others, once it is there.
    assert pretended.arrays == [1, 2, 2]
    asked = {"slurm_partition": "short", "timeout_min": 30, "mem_gb": 4, "slurm_array_parallelism": 7, "gpus_per_node": 0}
    assert pretended.parameters.items() >= asked.items()
    assert not (run / "jobs").exists()


def test_a_job_that_is_lost_again_and_again_goes_on_from_what_is_committed(
    tmp_path: Path, local: Path, pretend: Callable[..., Pretended], monkeypatch: pytest.MonkeyPatch
) -> None:
    pretended = pretend(lambda number: "NODE_FAIL" if number > 1 else None)
    lose_after(monkeypatch, 2)
    run = job_run(tmp_path)
    assert sum(pretended.arrays) == 1 + 4 * 3 + 4  # six generations of four chains, two a job, and then one that finds them done
    assert numbers(run) == numbers(local)
    assert verify_run(run).is_whole


def test_a_job_that_ends_without_a_word_fails_its_chain_alone(
    tmp_path: Path, local: Path, pretend: Callable[..., Pretended], monkeypatch: pytest.MonkeyPatch
) -> None:
    pretend(lambda number: "OUT_OF_MEMORY" if number > 1 else None)
    with monkeypatch.context() as patch:
        lose_after(patch, 3)
        with pytest.raises(RunFailed, match=r"job 2 ended without a word \(OUT_OF_MEMORY\); out of memory\? \(see the log\)"):
            job_run(tmp_path)
    assert numbers(job_run(tmp_path)) == numbers(local)


def preempt(controller: int) -> None:
    """Signal what submitit runs on a node, as Slurm does; its local executor keeps the signal to itself."""
    for child in Path(f"/proc/{controller}/task/{controller}/children").read_text().split():
        os.kill(int(child), signal.SIGUSR2)


def test_a_job_that_was_preempted_is_begun_again_by_submitit(
    tmp_path: Path, local: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With processes, by submitit's local executor."""
    monkeypatch.setattr(code_files, "_files", {})
    flag = tmp_path / "wait"
    flag.touch()
    (tmp_path / "mine.py").write_text(PATIENT.format(flag=str(flag)))
    look, begun = SlurmExecutor._look, 0

    def looking(self: SlurmExecutor, job: _Job, tasks: Sequence[Any]) -> Iterator[Event]:
        nonlocal begun
        for event in look(self, job, tasks):
            begun += isinstance(event, TaskStarted)
            if isinstance(event, GenerationFinished) and event.generation == 2 and flag.exists():
                preempt(job.job._process.pid)
            if begun == 2:
                flag.unlink(missing_ok=True)
            yield event

    local_run(tmp_path, strategies=["replace"], seeds=1)  # what no job needs to do
    monkeypatch.setattr(SlurmExecutor, "_look", looking)
    run = job_run(tmp_path, objectives=[f"{tmp_path}/mine.py:Patient"], strategies=["replace"], seeds=1)
    assert begun == 2
    assert verify_run(run).is_whole
    metrics = [[line["metrics"] for line in lines] for name, lines in numbers(run).items() if name.endswith(".jsonl")]  # type: ignore[attr-defined]
    assert len(metrics) == 2
    assert metrics[0] == metrics[1]  # it weighs as cross entropy does


def test_what_sbatch_is_told(tmp_path: Path, local: Path) -> None:
    from submitit.slurm.test_slurm import mocked_slurm

    tasks = [chain_task(local.parent / "bell.toml", local, folder=str(tmp_path)) for _ in range(3)]
    options = SlurmOptions(partition="long", account="lab", qos="low", minutes=90, gpus_per_chain=1, array_parallelism=2)
    with mocked_slurm() as mock:
        mock.known_cmds = ["srun", "sbatch"]
        executor = SlurmExecutor(Resources(None, -1, tmp_path / "log"), options)
        executor._submit(tasks, [0, 1, 2])
        (script,) = tmp_path.rglob("*submission.sh")
        told = {line.removeprefix("#SBATCH --") for line in script.read_text().splitlines() if line.startswith("#SBATCH")}
        assert {"array=0-2%2", "partition=long", "account=lab", "qos=low", "time=90", "gpus-per-node=1"} <= told
        assert {path.read_text() for path in tmp_path.rglob("*.job")} == {f"slurm 12_{place}\n" for place in range(3)}
        executor.stop()
    assert not list(tmp_path.rglob("*.json"))  # each was taken back


@pytest.mark.parametrize(
    ("executor", "message"),
    [
        ("slurm", "executor slurm: there is no sbatch here; run it where jobs are submitted, or try --cluster local"),
        ("slurm:minutes=0", "minutes: input should be greater than or equal to 1"),
        ("slurm:cluster=pbs", "cluster: input should be 'slurm', 'local' or 'debug', not 'pbs'"),
        ("slurm:array=3", "array: unknown key .known: array_parallelism, partition"),
    ],
)
def test_what_cannot_be_had_is_refused(tmp_path: Path, executor: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        job_run(tmp_path, executor=executor)


def test_a_submission_that_is_refused_is_told_in_a_sentence(
    tmp_path: Path, pretend: Callable[..., Pretended], monkeypatch: pytest.MonkeyPatch
) -> None:
    pretended = pretend()

    def refuse(command: Command) -> None:
        raise submitit.core.utils.FailedJobError("sbatch: error: invalid partition specified: nowhere\nmore")

    monkeypatch.setattr(pretended, "submit", refuse)
    with pytest.raises(UserError, match="Slurm takes no such job: FailedJobError: sbatch: error: invalid partition specified"):
        job_run(tmp_path)


def test_jobs_of_a_run_that_is_gone_are_ended_before_another_begins(tmp_path: Path) -> None:
    folder = tmp_path / "jobs" / "run-a"
    folder.mkdir(parents=True)
    for name in ("ended", "at-work", "waiting"):
        (folder / f"{name}.json").write_text("{}")
        note_job(folder / f"{name}.json", "local", "1")
    held = os.open(folder / "at-work.json", os.O_RDWR)
    fcntl.flock(held, fcntl.LOCK_EX)
    with pytest.raises(UserError, match=r"job 1 is still at a chain of .*; end it, and run this again"):
        end_left_over(tmp_path, patience=0.05)
    (folder / "at-work.json").write_text("{}")
    held_anew = os.open(folder / "at-work.json", os.O_RDWR)
    fcntl.flock(held_anew, fcntl.LOCK_EX)

    def finish() -> None:  # as a job does that finds its task taken back
        while (folder / "at-work.json").exists():
            time.sleep(0.005)
        os.close(held_anew)

    threading.Thread(target=finish, daemon=True).start()
    end_left_over(tmp_path, patience=30)
    assert not (tmp_path / "jobs").exists()
    os.close(held)


def test_a_job_whose_task_was_taken_back_does_nothing(tmp_path: Path, local: Path) -> None:
    task = tmp_path / "task.json"
    node_side.main(str(local), str(task))
    assert not events_of(task).exists()
    task.write_text(chain_task(local.parent / "bell.toml", local).model_dump_json())
    held = os.open(task, os.O_RDWR)
    fcntl.flock(held, fcntl.LOCK_EX)
    with pytest.raises(SystemExit, match="is held by another process, which is at the same task"):
        node_side.main(str(local), str(task))
    os.close(held)
    assert not events_of(task).exists()


def test_without_submitit_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slurm_executor, "missing_modules", lambda modules, extra: f"needs {', '.join(modules)}; [{extra}]")
    with pytest.raises(UserError, match=r"executor slurm needs submitit; \[slurm\]"):
        choose("slurm").kind.require()
