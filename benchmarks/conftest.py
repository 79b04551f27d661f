"""How benchmarks run: with one thread, as chains do."""

from collections.abc import Iterator

import pytest

from fortifai import device


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Compute with one thread."""
    with device.one_thread():
        yield
