"""What a regime needs that not every machine has: a GPU, data or weights of a hub, an extra. Known before anything is loaded."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec

from fortifai.errors import UserError

RUNNING, RUNNING_EXTRA = ("torch", "safetensors"), "torch"
"""The modules without which no chain runs, whatever its modality, and the extra that brings them."""


@dataclass(frozen=True)
class Need:
    """One thing that is needed: what it is, and, where it is missing on this machine, why and what to do about it."""

    what: str
    missing: str | None = None

    def __str__(self) -> str:
        return self.what if self.missing is None else f"{self.what}: {self.missing}"


def gpu() -> Need:
    """Return the need of a CUDA device, and whether this machine has one."""
    import torch

    remedy = "torch finds none here; run it where one is, or take --set gpu=false, which a CPU may need weeks for"
    return Need("a CUDA GPU", None if torch.cuda.is_available() else remedy)


def require(needs: Iterable[Need], who: str) -> None:
    """Raise UserError that lists everything that is missing, a line each.

    Args:
        needs: What is needed.
        who: What needs it, such as ``suite quick``.
    """
    missing = [str(need) for need in needs if need.missing is not None]
    if missing:
        raise UserError(f"{who} cannot run on this machine, which lacks:\n" + "\n".join(f"  {line}" for line in missing))


def missing_modules(modules: Sequence[str], extra: str | None) -> str | None:
    """Return which modules are missing and what to install, as one line of text, or None if all are there. Imports none of them.

    Args:
        modules: Names of modules, with dots.
        extra: The extra of fortifai that brings them; None: there is none.
    """
    absent = [module for module in modules if not _installed(module)]
    if not absent:
        return None
    remedy = f"; pip install 'fortifai[{extra}]'" if extra else ""
    return f"needs {', '.join(absent)}{remedy}"


def _installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # its parent package is absent
        return False
