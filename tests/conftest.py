"""How tests run: with a cache of their own, and property tests without a deadline, because a busy machine is not a failure."""

from collections.abc import Iterator

import pytest
from hypothesis import settings

settings.register_profile("patient", deadline=None)
settings.register_profile("thorough", deadline=None, max_examples=5_000)  # pytest --hypothesis-profile=thorough
settings.load_profile("patient")


@pytest.fixture(scope="session", autouse=True)
def cache_of_the_session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep what is cached in a folder that nobody has used before: neither the user's, nor that of another process."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FORTIFAI_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield
