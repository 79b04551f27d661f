"""How tests run: with a cache of their own, and property tests without a deadline, because a busy machine is not a failure."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("patient", deadline=None)
settings.register_profile("thorough", deadline=None, max_examples=5_000)  # pytest --hypothesis-profile=thorough
settings.load_profile("patient")

LONGEST = (
    "conformance/test_our_adapters.py",
    "docs/test_new_modality.py",
    "runner/test_ray.py",
    "runner/test_slurm.py",
    "runner/test_workers.py",
    "runner/test_lost_pictures.py",
    "text/test_text_pretrained_suites.py",
)
"""Files that take longest, which begin first, so that the processes of `pytest -n` end together."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest files first; the order within a file stays."""
    order = {Path(__file__).parent / name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: order.get(item.path, len(order)))


@pytest.fixture(scope="session", autouse=True)
def cache_of_the_session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep what is cached in a folder of the session, not of the user: all its processes train a classifier once."""
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FORTIFAI_CACHE", str(folder / "cache-of-the-session"))
        yield


@pytest.fixture(scope="session", autouse=True)
def no_probes() -> Iterator[None]:
    """Let plans go by what suite files declare, unless a test asks for a probe: `--probe`."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("fortifai.planning.probing.SECONDS", 0.0)
        yield


@pytest.fixture(scope="module")
def brief_classifiers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Train classifiers of a pool for a few steps, and keep them apart, where it does not matter how good they are."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("fortifai.modalities.image.features.classifier.FEWEST_STEPS", 60)
        patch.setattr("fortifai.modalities.image.features.classifier.MOST_STEPS", 60)
        patch.setenv("FORTIFAI_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield
