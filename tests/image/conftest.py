"""What all tests of images share."""

from collections.abc import Iterator

import diffusion_support as diffusion
import pytest

from fortifai.modalities.image.diffusion.adapter import DiffusionAdapter
from fortifai.modalities.image.diffusion.network import DiffusionModel
from fortifai.modalities.image.features import disk_cache


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A cache of these tests' own: they neither see a user's files nor leave anything behind."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(disk_cache.VARIABLE, str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def fitted() -> tuple[DiffusionAdapter, DiffusionModel]:
    """A diffusion model that has learned something: 60 steps on 64 digits."""
    adapter = diffusion.adapter_of(steps=60)
    return adapter, diffusion.fit(adapter).model
