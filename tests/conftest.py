"""How tests run: with a cache of their own, and property tests without a deadline, because a busy machine is not a failure."""

from collections.abc import Iterator

import pytest
from hypothesis import settings

from fortifai.cache import VARIABLE

settings.register_profile("patient", deadline=None)
settings.register_profile("thorough", deadline=None, max_examples=5_000)  # pytest --hypothesis-profile=thorough
settings.load_profile("patient")


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Tests neither see what a user's cache holds nor leave anything in it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(VARIABLE, str(tmp_path_factory.mktemp("cache")))
        yield
