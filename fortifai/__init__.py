"""fortifai: for how many generations can a generative model train on its own output before it collapses?

import fortifai

result = fortifai.run("quick", out="runs", workers=2)
print(fortifai.score(result.path).to_frame())
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fortifai import metrics, objectives
    from fortifai.contract.modality import Modality
    from fortifai.fidelity import score
    from fortifai.runner.run import run

__version__ = "0.1.0"

__all__ = ["Modality", "__version__", "metrics", "objectives", "run", "score"]

_WHERE = {"run": "fortifai.runner.run", "score": "fortifai.fidelity", "Modality": "fortifai.contract.modality"}


def __getattr__(name: str) -> Any:
    # Imported when asked for: scoring needs no torch, and `fortifai list` needs neither torch nor pandas.
    if name in ("metrics", "objectives"):
        return import_module(f"fortifai.{name}")
    if name in _WHERE:
        return getattr(import_module(_WHERE[name]), name)
    raise AttributeError(f"module 'fortifai' has no attribute {name!r}")
