"""The Slurm executor: chains as jobs of arrays, by submitit; every node sees the run folder, and writes to it as workers do."""

import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import Field

from fortifai.config import Runtime
from fortifai.errors import UserError
from fortifai.files import write_text
from fortifai.needs import missing_modules
from fortifai.records.layout import JOBS
from fortifai.runner.cluster.command import Command
from fortifai.runner.cluster.jobs import end, events_of, note_job
from fortifai.runner.executor import Executor, ExecutorOptions, Resources
from fortifai.runner.messages import Event, Remark, Task, TaskDone, TaskFailed, read_event
from fortifai.runner.schedule import Schedule

BETWEEN_LOOKS = 0.5
"""Seconds between looks at the files of events."""

SILENCE = 10.0
"""Seconds in which the last event of a job that has ended is seen here, by way of a shared file system."""

LOST = ("BOOT_FAIL", "NODE_FAIL", "PREEMPTED", "REVOKED", "TIMEOUT")
"""States in which a job ends through no fault of its task, where nothing has begun it again."""


class SlurmOptions(ExecutorOptions):
    """What `sbatch` is told."""

    array_parallelism: Runtime[int] = Field(256, ge=1, le=100_000, description="Jobs of an array that run at the same time.")
    partition: Runtime[str | None] = Field(None, min_length=1, description="Partition; by default Slurm's.")
    account: Runtime[str | None] = Field(None, min_length=1, description="Account that is charged.")
    qos: Runtime[str | None] = Field(None, min_length=1, description="Quality of service.")
    minutes: Runtime[int] = Field(240, ge=1, le=525_600, description="Time limit of a job; one that reaches it is begun again.")
    memory_gb: Runtime[float | None] = Field(None, gt=0, description="Memory of a job, in GB; by default Slurm's.")
    gpus_per_chain: Runtime[int] = Field(0, ge=0, le=64, description="GPUs of a job.")
    timeouts: Runtime[int] = Field(20, ge=0, le=10_000, description="How often a job that reached its time limit is begun again.")
    cluster: Runtime[Literal["slurm", "local", "debug"]] = Field(
        "slurm", description="local: the same jobs as processes of this machine, to try them; debug: one after the other."
    )


@dataclass
class _Job:
    """A job of submitit, and the task that it does."""

    place: int
    file: Path
    job: Any
    read: int = 0
    over_since: float | None = None

    def events(self) -> Iterator[Event]:
        """Yield the events that have come since the last time; of a line that is being written, nothing yet."""
        with suppress(FileNotFoundError), events_of(self.file).open("rb") as file:
            file.seek(self.read)
            for line in file:
                if not line.endswith(b"\n"):
                    return
                self.read += len(line)
                yield read_event(line)


class SlurmExecutor(Executor):
    """Runs chains as Slurm jobs, in arrays, by submitit; the run folder must be seen by every node, under the same path.

    A job that is preempted or reaches its time limit is begun again, and goes on from the last committed generation.
    """

    Options: ClassVar[type[ExecutorOptions]] = SlurmOptions
    elsewhere: ClassVar[bool] = True

    def __init__(self, resources: Resources, options: SlurmOptions) -> None:
        super().__init__(resources, options)
        self._options = options
        if options.cluster == "slurm" and not shutil.which("sbatch"):
            raise UserError("executor slurm: there is no sbatch here; run it where jobs are submitted, or try --cluster local")
        self._running: dict[int, _Job] = {}
        self._lost: dict[int, int] = {}
        self._folder: Path | None = None
        self._ended: list[_Job] = []
        self._all_done = True

    @classmethod
    def require(cls) -> None:
        """Raise UserError if submitit is not installed."""
        if missing := missing_modules(("submitit",), "slurm"):
            raise UserError(f"executor slurm {missing}")

    @property
    def at_once(self) -> int:
        """As many jobs as an array runs, or as were asked for if those are fewer; how many Slurm runs is for it to say."""
        return min(self._options.array_parallelism, self.resources.workers or self._options.array_parallelism)

    @property
    def where(self) -> str:
        """By what jobs run, and how many at once."""
        partition = f", partition {self._options.partition}" if self._options.partition else ""
        return f"as jobs of submitit ({self._options.cluster}{partition}), at most {self.at_once} of an array at once"

    def run(self, tasks: Sequence[Task]) -> Iterator[tuple[int, Event]]:
        """Run all tasks, and yield events as they come, each with the place of its task."""
        schedule = Schedule(tasks)
        left = len(tasks)
        while left:
            seen = False
            self._submit(tasks, list(iter(schedule.take, None)))
            for job in list(self._running.values()):
                for event in self._look(job, tasks):
                    seen = True
                    self._all_done &= not isinstance(event, TaskFailed)
                    schedule.note(job.place, event)
                    left -= isinstance(event, TaskDone | TaskFailed)
                    yield job.place, event
            if left and not seen:
                time.sleep(BETWEEN_LOOKS)

    def stop(self) -> None:
        """Cancel all jobs, and wait until none is at a task."""
        running, self._running = self._running, {}
        for job in running.values():
            _cancel(job)
        for job in running.values():
            end(job.file)
        if self._folder is not None and self._all_done and not running:
            self._clear(self._folder)

    def _clear(self, folder: Path) -> None:
        """Remove what jobs and the run have told each other: nobody has to look for a reason in their logs."""
        until = time.monotonic() + SILENCE
        while time.monotonic() < until and not all(job.job.done() for job in self._ended):
            time.sleep(BETWEEN_LOOKS / 10)  # submitit still writes how they ended
        shutil.rmtree(folder, ignore_errors=True)
        with suppress(OSError):  # those of another run are there
            folder.parent.rmdir()
        self._folder = None

    def _submit(self, tasks: Sequence[Task], places: Sequence[int]) -> None:
        """Submit tasks as one array, or as a job where it is one task."""
        if not places:
            return
        folder = self._own_folder(Path(tasks[places[0]].folder))
        executor = self._submitit(folder)
        files = [_write(folder, place, self._lost.get(place, 0), tasks[place]) for place in places]
        commands = [
            Command([sys.executable, "-P", "-m", "fortifai.runner.cluster.job", tasks[place].folder, str(file)])
            for place, file in zip(places, files, strict=True)
        ]
        try:
            with executor.batch():
                jobs = [executor.submit(command) for command in commands]
            ids = [str(job.job_id) for job in jobs]
        except Exception as error:  # whatever sbatch, or submitit for it, has against a submission
            for file in files:
                file.unlink()
            raise UserError(f"Slurm takes no such job: {_first_line(error)}") from error
        for place, file, job, name in zip(places, files, jobs, ids, strict=True):
            note_job(file, self._options.cluster, name)
            self._running[place] = _Job(place, file, job)

    def _look(self, job: _Job, tasks: Sequence[Task]) -> Iterator[Event]:
        """Yield what has come of a job."""
        for event in job.events():
            yield event
            if isinstance(event, TaskDone | TaskFailed):
                del self._running[job.place]
                self._ended.append(job)
                job.file.unlink(missing_ok=True)
                return
        if not job.job.done():
            job.over_since = None
            return
        if job.over_since is None:  # what it said last may not have been read yet
            job.over_since = time.monotonic()
            return
        if time.monotonic() < job.over_since + SILENCE:
            return
        state = str(job.job.state).partition(" ")[0]
        del self._running[job.place]
        _cancel(job)  # so that Slurm itself does not begin it again, beside another
        end(job.file)
        lost = self._lost[job.place] = self._lost.get(job.place, 0) + 1
        if state in LOST and lost <= self._options.timeouts:
            yield Remark(text=f"job {job.job.job_id} was lost ({state}); another goes on, from what is committed")
            self._submit(tasks, [job.place])
            return
        yield TaskFailed(reason=f"job {job.job.job_id} ended without a word ({state}); out of memory? (see {_log_of(job)})")

    def _submitit(self, folder: Path) -> Any:
        import submitit

        options = self._options
        executor = submitit.AutoExecutor(
            folder / "submitit",
            cluster=options.cluster,
            slurm_max_num_timeout=options.timeouts,
            local_max_num_timeout=options.timeouts,
        )
        executor.update_parameters(
            name="fortifai",
            nodes=1,
            tasks_per_node=1,
            cpus_per_task=1,
            gpus_per_node=options.gpus_per_chain,
            timeout_min=options.minutes,
            slurm_array_parallelism=self.at_once,
        )
        named = {"slurm_partition": options.partition, "slurm_account": options.account, "slurm_qos": options.qos}
        executor.update_parameters(**{name: value for name, value in named.items() if value is not None})
        if options.memory_gb is not None:
            executor.update_parameters(mem_gb=options.memory_gb)
        return executor

    def _own_folder(self, run: Path) -> Path:
        """Return the folder of this run's jobs, which no other run has."""
        if self._folder is None:
            (run / JOBS).mkdir(exist_ok=True)
            self._folder = Path(tempfile.mkdtemp(dir=run / JOBS, prefix="run-"))
        return self._folder


def _write(folder: Path, place: int, attempt: int, task: Task) -> Path:
    """Write a task's file, and return it; each attempt has its own, so that an earlier one cannot be begun again."""
    file = folder / f"{len(list(folder.glob('*.job'))):05d}-{place}-{attempt}.json"
    write_text(file, task.model_dump_json())
    return file


def _cancel(job: _Job) -> None:
    with suppress(Exception):  # it may have ended, or never have begun; `end` sees to it that it is at nothing
        job.job.cancel(check=False)


def _log_of(job: _Job) -> Path:
    return Path(job.job.paths.stderr)


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0]}"
