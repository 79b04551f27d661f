"""An environment in which a new package is installed, as its author would have it."""

import os
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Sequence
from pathlib import Path

COMMAND = "from fortifai.cli import main; main()"


class Environment:
    """A virtual environment with everything that this one has, in which more can be installed without a network.

    Nothing of it reaches the environment that runs the tests.
    """

    def __init__(self, folder: Path) -> None:
        venv.create(folder, with_pip=False, symlinks=True)
        self._programs = Path(sysconfig.get_path("scripts", "venv", {"base": str(folder)}))
        libraries = Path(sysconfig.get_path("purelib", "venv", {"base": str(folder)}))
        outer = sorted({sysconfig.get_path("purelib"), sysconfig.get_path("platlib")})
        # A path alone would not run the .pth files that it leads to, by one of which fortifai itself may be installed.
        (libraries / "outer.pth").write_text("".join(f"import site; site.addsitedir({path!r})\n" for path in outer))

    def type(self, words: Sequence[str], cwd: Path) -> subprocess.CompletedProcess[str]:
        """Run a command of pip, python, pytest or fortifai by the words that a user types, and return how it ended."""
        program, *rest = words
        python = str(self._programs / "python")
        commands = {
            "fortifai": [python, "-c", COMMAND],
            "pytest": [python, "-m", "pytest", "-q", "-p", "no:cacheprovider"],
            "python": [python],
            # The build is made here, with the setuptools that is here, and nothing is fetched.
            "pip": [sys.executable, "-m", "pip", "--python", python, "--disable-pip-version-check"],
        }
        command = [*commands[program], *rest]
        if program == "pip":
            command += ["--no-deps", "--no-index", "--no-build-isolation"]
        clean = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "VIRTUAL_ENV", "PYTEST"))}
        clean["COLUMNS"] = "130"
        return subprocess.run(command, cwd=cwd, env=clean, capture_output=True, text=True, check=False)
