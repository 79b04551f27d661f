"""The command line: thin commands over the Python API, one table or one JSON document each."""

import sys

from fortifai.errors import RunFailed, UserError


def main() -> None:
    """Run the command line. Exit codes: 0 good, 1 a run or check failed, 2 wrong usage or bad input."""
    from fortifai.cli.app import app

    try:
        app(prog_name="fortifai")  # not what Python was started with
    except UserError as error:
        _end(str(error), 2)
    except RunFailed as error:
        _end(str(error), 1)
    except OSError as error:  # a failing disk, or a file that was removed meanwhile: nothing is wrong with the input
        _end(str(error), 1)


def _end(message: str, code: int) -> None:
    print(f"fortifai: {message}", file=sys.stderr)
    sys.exit(code)
