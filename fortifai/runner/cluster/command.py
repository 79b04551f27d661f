"""What a job of submitit runs: a command, begun again where it was preempted or had used up its time."""

import subprocess
from collections.abc import Sequence
from typing import Any


class Command:
    """A command to run. One of these, a list of words, and the None that `__call__` returns are all that submitit pickles.

    submitit's own ``CommandFunction`` would wait for the command when a job is preempted, and would not be begun again when its
    time is used up.

    Args:
        words: The command.
    """

    def __init__(self, words: Sequence[str]) -> None:
        self.words = list(words)

    def __call__(self) -> None:
        """Run the command, and end it if this process has to end."""
        process = subprocess.Popen(self.words)
        try:
            code = process.wait()
        except BaseException:  # submitit leaves by SystemExit
            process.kill()
            process.wait()
            raise
        if code:
            raise RuntimeError(f"the command ended with code {code}")

    def checkpoint(self) -> Any:
        """Return what is to be done when the job is begun again: the same, since all that is kept lies in the run folder."""
        from submitit.helpers import DelayedSubmission

        return DelayedSubmission(self)
