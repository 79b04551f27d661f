"""What is left to do with a new package: what to edit, file by file, and what to type."""

import shlex
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Step:
    """A file to edit.

    Attributes:
        file: Its path within the package's folder.
        what: What to put there, as one clause.
    """

    file: str
    what: str


def steps_of(package: str, name: str) -> tuple[Step, ...]:
    """Return what to edit to make a new package one's own, in order.

    Args:
        package: The name that Python imports it by.
        name: The modality's.
    """
    return (
        Step(f"{package}/data.py", "how your data is read and split, in place of example.csv"),
        Step(f"{package}/config.py", "what a suite can set: which data, and what your model and its training have"),
        Step(f"{package}/model.py", "your model; nothing in it knows of fortifai"),
        Step(f"{package}/adapter.py", "fitting, sampling and likelihood of your model, and what one element is"),
        Step(f"{package}/metrics.py", "a distance on the scale of your data"),
        Step(f"{package}/__init__.py", "the declaration: summary, metrics, and the small example that is checked"),
        Step("tests/test_adapter.py", "what holds of your model, beside the checks"),
        Step(f"{package}/{name}-quick.toml", "sizes and regimes, until the baseline collapses"),
    )


def commands_of(name: str, folder: Path) -> tuple[str, ...]:
    """Return the commands from a new package to a score, in order.

    Args:
        name: The modality's.
        folder: Where the package lies.
    """
    where = shlex.quote(str(folder))
    return (
        f"pip install -e {shlex.quote(f'{folder}[dev]')}",
        f"fortifai check-adapter {name}",
        f"pytest {where}",
        f"fortifai run {name}-quick --out runs",
        f"fortifai score runs/{name}-quick@1",
    )
