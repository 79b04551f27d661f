"""What is fetched from the Hugging Face hub, and a quick error where there is no network."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import huggingface_hub
from huggingface_hub import constants
from huggingface_hub.errors import EntryNotFoundError, HfHubHTTPError, LocalEntryNotFoundError

from fortifai.errors import UserError

HUB = "hub"
"""What a suite writes for data of the hub, where a folder may be named too."""

PATIENCE = 5.0
"""Seconds to wait for the hub. The client's own retries take half a minute before they report that there is no network."""

MODEL_FILES = (
    ("config.json",),
    ("tokenizer.json", "tokenizer.model", "tokenizer_config.json"),
    ("model.safetensors", "model.safetensors.index.json", "pytorch_model.bin"),
)
"""The files that a model cannot be loaded without: one of each kind."""


@cache
def reachable() -> bool:
    """Return whether the hub answers, within seconds; asked once in a process."""
    if constants.is_offline_mode():
        return False
    try:
        huggingface_hub.get_session().head(constants.ENDPOINT, timeout=PATIENCE)
    except Exception:  # the client's transport has changed its errors with its versions; any of them means: no answer
        return False
    return True


def dataset_file(repository: str, name: str, remedy: str) -> Path:
    """Return the path of a data set's file in the local cache, downloaded if it is not there.

    Args:
        repository: The data set's name on the hub.
        name: The file's path in it.
        remedy: What to do where the file cannot be had; ends the error.

    Raises:
        UserError: The file is not in the cache, and the hub does not have it or does not answer.
    """
    for local in (True, False) if reachable() else (True,):
        try:
            return Path(huggingface_hub.hf_hub_download(repository, name, repo_type="dataset", local_files_only=local))
        except LocalEntryNotFoundError:
            continue
        except HfHubHTTPError as error:
            raise UserError(f"{repository} on the hub does not provide {name}: {str(error).splitlines()[0]}; {remedy}") from None
    raise UserError(f"{repository} is not in the local cache, and the hub does not answer (no network?); {remedy}")


def require_model(name: str) -> None:
    """Raise UserError unless a model is in the local cache, or the hub serves it to this machine. No weights are downloaded.

    Args:
        name: The model's name on the hub.

    Raises:
        UserError: The model is unknown or gated, or there is no network.
        HFValidationError: The name is not one that the hub can have.
    """
    remedy = (
        "download it where there is a network (where it is gated, accept its licence and set HF_TOKEN) and name its folder as "
        "model.pretrained"
    )
    if all(_cached(name, kind) for kind in MODEL_FILES):
        return
    if not reachable():
        raise UserError(f"it is not in the local cache, and the hub does not answer (no network?); {remedy}")
    try:
        huggingface_hub.hf_hub_download(name, "config.json")
    except (HfHubHTTPError, EntryNotFoundError) as error:
        raise UserError(f"the hub does not serve it: {str(error).strip().splitlines()[0]}; {remedy}") from None


def _cached(name: str, one_of: Sequence[str]) -> bool:
    return any(isinstance(huggingface_hub.try_to_load_from_cache(name, file), str) for file in one_of)
