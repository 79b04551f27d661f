"""What only the user may allow: Python code that a file names, which could do anything that the user can."""

import os

VARIABLE = "FORTIFAI_ALLOW_CODE"
"""Set to 1 by ``--allow-code``, or by the user where there is no command line; worker processes inherit it."""


def allow_code() -> None:
    """Let files that are read from now on name code that is run, in this process and in its workers."""
    os.environ[VARIABLE] = "1"


def code_is_allowed() -> bool:
    """Return whether the user lets files name code that is run."""
    return os.environ.get(VARIABLE) == "1"
