"""What all tests of images share."""

import diffusion_support as diffusion
import pytest

from fortifai.modalities.image.diffusion.adapter import DiffusionAdapter
from fortifai.modalities.image.diffusion.network import DiffusionModel


@pytest.fixture(scope="session")
def fitted() -> tuple[DiffusionAdapter, DiffusionModel]:
    """A diffusion model that has learned something: 60 steps on 64 digits."""
    adapter = diffusion.adapter_of(steps=60)
    return adapter, diffusion.fit(adapter).model
