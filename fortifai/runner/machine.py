"""What a chain was run with and on: recorded beside the numbers, and no part of their identity."""

import os
import platform
import subprocess
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import fortifai

LIBRARIES = ("fortifai", "torch", "numpy", "scipy", "scikit-learn", "pot", "transformers", "diffusers")


@cache
def versions() -> dict[str, str]:
    """Return the versions of Python and of the libraries that numbers may depend on, where they are installed."""
    installed = {"python": platform.python_version()}
    for name in LIBRARIES:
        try:
            installed[name] = version(name)
        except PackageNotFoundError:
            continue
    return installed


@cache
def commit() -> str | None:
    """Return the commit of the source, with ``+changes`` behind it where there are any; None outside a checkout of fortifai."""
    root = Path(fortifai.__file__).parents[1]
    if not (root / ".git").exists():
        return None

    def git(*words: str) -> str:
        return subprocess.run(["git", "-C", str(root), *words], capture_output=True, text=True, check=True).stdout.strip()

    try:
        changed = git("status", "--porcelain", "--untracked-files=no")
        return git("rev-parse", "HEAD") + ("+changes" if changed else "")
    except (OSError, subprocess.CalledProcessError):
        return None


@cache
def hardware() -> dict[str, Any]:
    """Return machine, cores, and the accelerator where there is one. No host name: chains are published."""
    import torch

    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else None
    return {
        "machine": platform.machine(),
        "system": platform.system(),
        "cores": os.cpu_count(),
        "torch_threads": torch.get_num_threads(),
        "gpu": gpu,
    }
