"""What a suite of texts needs that no package brings: a text, a model, and KR-test items."""

from collections.abc import Callable, Sequence
from functools import partial

from huggingface_hub.errors import HFValidationError

from fortifai.errors import UserError
from fortifai.needs import Need
from fortifai.sanitise import user_path

from . import hub
from .config import LanguageModelConfig, TextData
from .data import imagination, wikitext
from .kr_test import blimp
from .kr_test.items import read_items
from .kr_test.sources import MADE_FROM
from .model.pretrained import SMOLLM2, find


def needs_of(config: LanguageModelConfig, data: TextData) -> Sequence[Need]:
    """Return what these settings need, and whether it is on this machine or can be fetched.

    A model or text that is named by its path is not among them: it is read, and refused if need be, when the adapter is made.

    Args:
        config: The model; a pretrained one is needed, and so are KR-test items where they select the epoch.
        data: The text, and the file of its KR-test items.

    Raises:
        UserError: The file of KR-test items that select the epoch is missing or wrong.
    """
    needs = []
    if data.source == wikitext.NAME:
        needs.append(_need("the text WikiText-2 (raw)", wikitext.hub_files))
    if data.mix is not None:
        needs += [_need(f"the text {name}", partial(imagination.file_of, name, data.mix)) for name in imagination.ON_HUB]
    if config.pretrained is not None:
        needs += _model(config.pretrained)
    if config.training.keep == "kr_test":
        needs += _kr_items(data)
    if data.blimp == hub.HUB:
        needs.append(_need("BLiMP", lambda: [blimp.hub_file(subset) for subset in blimp.SUBSETS]))
    return needs


def _model(name: str) -> Sequence[Need]:
    if name == SMOLLM2:
        return [_need("the model SmolLM2-135M, of a package", lambda: find(name))]
    if user_path(name).exists():
        return []
    try:
        return [_need(f"the model {name}", lambda: hub.require_model(name))]
    except HFValidationError:  # not a name that the hub can have: a path with nothing there
        return []


def _kr_items(data: TextData) -> Sequence[Need]:
    if data.kr_test is not None:
        read_items(user_path(data.kr_test))
    elif data.source != MADE_FROM:
        remedy = "name a file of them as data.kr_test: the authors', or your own in its format (docs/kr-test.md)"
        return [Need(f"KR-test items for the text {data.source}", f"none come with it; {remedy}")]
    return []


def _need(what: str, require: Callable[[], object]) -> Need:
    try:
        require()
    except UserError as error:
        return Need(what, str(error))
    return Need(what)
