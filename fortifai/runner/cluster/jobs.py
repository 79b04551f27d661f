"""The files by which a run and its jobs speak, and what becomes of jobs whose run is gone."""

import fcntl
import os
import shutil
import subprocess
import time
from pathlib import Path

from fortifai.errors import UserError
from fortifai.files import remove, write_text
from fortifai.records.layout import JOBS

PATIENCE = 60.0
"""Seconds that a job has to end which was cancelled."""


def events_of(task: Path) -> Path:
    """Return the file of a task's events."""
    return task.with_suffix(".events")


def note_job(task: Path, cluster: str, job: str) -> None:
    """Note which job does a task, for a run that comes after this one.

    Args:
        task: The task's file.
        cluster: Where the job is: slurm, or local.
        job: Its id there.
    """
    write_text(task.with_suffix(".job"), f"{cluster} {job}\n")


def end_left_over(run: Path, patience: float = PATIENCE) -> None:
    """Take all tasks back that jobs of an earlier run may be at, so that no chain runs twice at once, and forget those jobs.

    Args:
        run: The run folder, which this process holds.
        patience: Seconds that each job has to end.

    Raises:
        UserError: A job does not end.
    """
    folder = run / JOBS
    if not folder.is_dir() or folder.is_symlink():
        return
    for task in sorted(folder.glob("*/*.json")):
        end(task, patience)
    remove(folder)


def end(task: Path, patience: float = PATIENCE) -> None:
    """Take a task back from the job that is at it or will be, and wait until none is.

    Args:
        task: The task's file, which may be gone.
        patience: Seconds that the job has to end.

    Raises:
        UserError: The job does not end.
    """
    try:
        descriptor = os.open(task, os.O_RDWR | os.O_NOFOLLOW)
    except FileNotFoundError:
        return
    try:
        task.unlink()
        cluster, job = _job_of(task)
        if cluster == "slurm" and shutil.which("scancel"):
            subprocess.call(["scancel", job], stderr=subprocess.DEVNULL)
        until = time.monotonic() + patience
        while not _is_free(descriptor):
            if time.monotonic() > until:
                raise UserError(f"job {job or task.stem} is still at a chain of {task.parents[2]}; end it, and run this again")
            time.sleep(0.05)
    finally:
        os.close(descriptor)


def _job_of(task: Path) -> tuple[str, str]:
    try:
        cluster, _, job = task.with_suffix(".job").read_text().strip().partition(" ")
    except OSError:  # it was killed before it knew
        return "", ""
    return cluster, job if job.replace("_", "").isdecimal() else ""


def _is_free(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
