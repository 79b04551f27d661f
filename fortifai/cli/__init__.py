"""The command line: thin commands over the Python API, one table or one JSON document each."""

import errno
import os
import signal
import sys
import traceback
from types import FrameType

from fortifai.errors import RunFailed, UserError
from fortifai.needs import RUNNING, RUNNING_EXTRA, missing_modules
from fortifai.sanitise import lines

LONGEST_LINE = 1_000
"""Characters of a line of an error; what is repeated of a wrong input may be of any length."""

STOPPED, STOPPED_CODE = "stopped", 130
"""What is said when a command is interrupted, and the code that a shell gives to that."""

NO_MEMORY = ("DefaultCPUAllocator", "CUDA out of memory")
"""How torch says that memory is used up, in errors of a general kind."""

_debug: bool | None = None
"""Whether tracebacks are shown; None for a command that has no ``--debug``."""


def show_tracebacks(shown: bool) -> None:
    """Show the traceback of every error that ends the command, or of none."""
    global _debug
    _debug = shown


def main() -> None:
    """Run the command line. Exit codes: 0 good, 1 a run or check failed, 2 wrong usage or bad input, 130 interrupted."""
    global _debug
    interrupted, _debug = False, None

    def interrupt(number: int, frame: FrameType | None) -> None:
        nonlocal interrupted
        if interrupted:  # twice: at once, whatever is going on
            os._exit(STOPPED_CODE)
        interrupted = True
        raise KeyboardInterrupt

    # Before anything else: importing what a command needs takes seconds, in which libraries turn an interrupt into errors of
    # their own, or into none.
    before = signal.signal(signal.SIGINT, interrupt)
    try:
        _run()
    except RunFailed as error:
        _end(str(error), 1, error)
    except BaseException as error:
        if interrupted or isinstance(error, KeyboardInterrupt):
            _end(STOPPED, STOPPED_CODE)
        ending = _ending(error)
        if ending is None:
            raise
        _end(*ending, error)
    finally:
        signal.signal(signal.SIGINT, before)


def _run() -> None:
    for stream in (sys.stdout, sys.stderr):
        if (reconfigure := getattr(stream, "reconfigure", None)) is not None:
            reconfigure(errors="backslashreplace")  # a terminal that lacks a letter must not end a command
    from fortifai.cli.app import run

    sys.exit(run())


def _ending(error: BaseException) -> tuple[str, int] | None:
    """Return what is said of an error and the exit code, or None where its traceback says more than any words of ours."""
    if isinstance(error, UserError):
        return str(error), 2
    if isinstance(error, ModuleNotFoundError) and error.name is not None and (missing := missing_modules(RUNNING, RUNNING_EXTRA)):
        return f"this command runs models, and {missing}", 2
    if isinstance(error, OSError) and error.errno == errno.ENAMETOOLONG:
        return f"{str(error.filename)[: LONGEST_LINE // 4]}...: the name is longer than names of files can be", 2
    if isinstance(error, OSError):  # a failing disk, or a file that was removed meanwhile: nothing is wrong with the input
        return str(error), 1
    if isinstance(error, MemoryError) or any(words in str(error) for words in NO_MEMORY):
        return "out of memory; take fewer samples, chains or workers, or a machine that has more", 1
    if isinstance(error, Exception) and _debug is not None:
        where = "" if _debug else "; --debug shows where"
        return f"{type(error).__name__}: {error}\na fault of fortifai or of an adapter{where}", 1
    return None


def _end(message: str, code: int, error: BaseException | None = None) -> None:
    """Say why a command ends, on standard error, and end it.

    What comes from outside may hold line breaks: further lines are indented, so that none looks like a line of fortifai's own.
    """
    if error is not None and _debug:
        print(lines("".join(traceback.format_exception(error)).rstrip()), file=sys.stderr)
    first, *others = (_cut(line) for line in lines(message).split("\n"))
    print("\n".join([f"fortifai: {first}", *(f"  {line.removeprefix('  ')}" for line in others)]), file=sys.stderr)
    sys.exit(code)


def _cut(line: str) -> str:
    if len(line) <= LONGEST_LINE:
        return line
    half = LONGEST_LINE // 2
    return f"{line[:half]} ... ({len(line) - 2 * half:,} characters more) ... {line[-half:]}"
