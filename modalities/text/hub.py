"""What is fetched from the Hugging Face hub, and a quick answer where there is no network."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import huggingface_hub
from huggingface_hub import constants
from huggingface_hub.errors import EntryNotFoundError, HfHubHTTPError, LocalEntryNotFoundError

from fortifai.errors import UserError

PATIENCE = 5.0
"""Seconds to wait for the hub. The client's own retries take half a minute before they say that there is no network."""

MODEL_FILES = (
    ("config.json",),
    ("tokenizer.json", "tokenizer.model", "tokenizer_config.json"),
    ("model.safetensors", "model.safetensors.index.json", "pytorch_model.bin"),
)
"""What a model cannot be loaded without: one file of each kind."""


@cache
def reachable() -> bool:
    """Tell, once a process and within seconds, whether the hub answers."""
    if constants.is_offline_mode():
        return False
    try:
        huggingface_hub.get_session().head(constants.ENDPOINT, timeout=PATIENCE)
    except Exception:  # the client's transport has changed its errors with its versions; any of them means: no answer
        return False
    return True


def dataset_file(repository: str, name: str, remedy: str) -> Path:
    """Give a file of a data set from the local cache, or else from the hub. Raises UserError, with what to do instead."""
    for local in (True, False) if reachable() else (True,):
        try:
            return Path(huggingface_hub.hf_hub_download(repository, name, repo_type="dataset", local_files_only=local))
        except LocalEntryNotFoundError:
            continue
        except HfHubHTTPError as error:
            raise UserError(f"{repository} on the hub has no {name} to give: {str(error).splitlines()[0]}; {remedy}") from None
    raise UserError(f"{repository} is not in the local cache, and the hub does not answer (no network?); {remedy}")


def find_model(name: str) -> None:
    """Look whether a model is in the local cache, or the hub gives it to whoever asks from here; its weights stay where they are.

    Raises UserError where it is neither: unknown, gated, or no network.
    """
    remedy = (
        "download it where there is a network (where it is gated, accept its licence and set HF_TOKEN) and give its folder as "
        "model.pretrained"
    )
    if all(_cached(name, kind) for kind in MODEL_FILES):
        return
    if not reachable():
        raise UserError(f"it is not in the local cache, and the hub does not answer (no network?); {remedy}")
    try:
        huggingface_hub.hf_hub_download(name, "config.json")
    except (HfHubHTTPError, EntryNotFoundError) as error:
        raise UserError(f"the hub does not give it: {str(error).strip().splitlines()[0]}; {remedy}") from None


def _cached(name: str, one_of: Sequence[str]) -> bool:
    return any(isinstance(huggingface_hub.try_to_load_from_cache(name, file), str) for file in one_of)
