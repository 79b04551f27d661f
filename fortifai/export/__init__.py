"""A run's numbers for the tools that people look at runs with.

Every format is written by the library that is made for it; the numbers are those of the records, to the last bit where the
format keeps 64 bits.
"""

import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from fortifai.errors import UnknownName, UserError
from fortifai.needs import missing_modules
from fortifai.records.entry_file import is_entry, read_entry
from fortifai.records.numbers import RunNumbers
from fortifai.records.run_numbers import numbers_of


@dataclass(frozen=True)
class Format:
    """A format that runs can be exported to.

    Attributes:
        summary: What it is, as one line.
        modules: What writing it needs, beside what fortifai itself does; the extra ``export`` brings them.
    """

    summary: str
    modules: tuple[str, ...] = ()


FORMATS = {
    "parquet": Format("two tables: generations.parquet, chains.parquet"),
    "tensorboard": Format("event files, one folder a chain, for `tensorboard --logdir`", ("tensorboardX",)),
    "mlflow": Format("an SQLite store, one MLflow run a chain", ("mlflow", "sqlalchemy", "alembic")),
    "hf-dataset": Format("a folder that datasets.load_dataset reads and a hub takes", ("datasets",)),
}
"""Every format, by the name that ``--to`` takes; the module of the same name, with _ for -, writes it."""


def export(run: str | Path, to: str, out: str | Path) -> Path:
    """Write the numbers of a run for another tool: metrics, notes and costs of every generation, and what each chain is.

    Args:
        run: A run folder, or an entry.
        to: A name of `FORMATS`.
        out: The folder to write; there must be nothing of that name yet.

    Returns:
        The folder.

    Raises:
        UserError: The format is unknown or its library is missing, the run is damaged or empty, or ``out`` exists.
    """
    if to not in FORMATS:
        raise UnknownName("format", to, FORMATS, see="fortifai export --help")
    if missing := missing_modules(FORMATS[to].modules, "export"):
        raise UserError(f"--to {to} {missing}")
    folder = Path(out).absolute()
    if folder.exists() or folder.is_symlink():
        raise UserError(f"{out}: exists, and an export replaces nothing: name another folder with --out")
    numbers = read_entry(Path(run)).numbers if is_entry(Path(run)) else numbers_of(Path(run))
    if not any(len(chain.generations) for chain in numbers.chains):
        raise UserError(f"{run}: no generation is recorded yet")
    write: Callable[[RunNumbers, Path], None] = import_module(f"fortifai.export.{to.replace('-', '_')}").write
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        begun = Path(tempfile.mkdtemp(prefix=f".{folder.name[:100]}.", suffix=".tmp", dir=folder.parent))
    except OSError as error:
        raise UserError(f"{folder}: cannot be made: {error.strerror}") from None
    try:
        write(numbers, begun)
        begun.chmod(0o755)  # as mkdir makes folders, and not as mkdtemp does
        begun.rename(folder)
    except BaseException:
        shutil.rmtree(begun, ignore_errors=True)
        raise
    return folder
