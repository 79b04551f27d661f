"""What is worth keeping between runs: a folder of files that are there whole or not at all, whoever writes at the same time."""

import os
import tempfile
from pathlib import Path

from fortifai.sanitise import user_path

VARIABLE = "FORTIFAI_CACHE"


def cache_folder() -> Path:
    """Return the cache folder: $FORTIFAI_CACHE, or else ``fortifai`` in $XDG_CACHE_HOME or ~/.cache."""
    if chosen := os.environ.get(VARIABLE):
        return user_path(chosen)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "fortifai"


def write_cached(path: Path, content: bytes) -> None:
    """Write a file under a temporary name of its own and rename it. A cache that cannot be written to keeps nothing."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
            temporary = Path(file.name)
            try:
                file.write(content)
                file.flush()
                temporary.replace(path)
            finally:
                temporary.unlink(missing_ok=True)
    except OSError:  # read-only, or full: the file is only made again next time
        return
