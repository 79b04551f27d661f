"""What is fetched from the Hugging Face hub, and a quick answer where there is no network."""

from functools import cache
from pathlib import Path

import huggingface_hub
from huggingface_hub import constants
from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

from fortifai.errors import UserError

PATIENCE = 5.0
"""Seconds to wait for the hub. The client's own retries take half a minute before they say that there is no network."""


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
