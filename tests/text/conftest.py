"""A short text, and a model that was fitted to it."""

from pathlib import Path

import pytest
from text_support import adapter_of, fit

from fortifai.modalities.text.adapter import LanguageModelAdapter
from fortifai.modalities.text.model.network import LanguageModel


@pytest.fixture(scope="session")
def short_text(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("text") / "own.txt"
    path.write_text("".join(f"the {i} sheep of the {i * 7 % 13} folds went up to the hill\n" for i in range(300)))
    return path


@pytest.fixture(scope="session")
def fitted(short_text: Path) -> tuple[LanguageModelAdapter, LanguageModel]:
    adapter = adapter_of(short_text)
    return adapter, fit(adapter).model
