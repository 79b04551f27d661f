"""Our adapters keep the contract, each in its own small example."""

import pytest

from fortifai.contract.declaration import modalities
from fortifai.testing import AdapterCheck, parametrize_with_checks

pytestmark = pytest.mark.usefixtures("brief_classifiers")

OURS = [name for name in modalities if modalities.broken(name) is None and modalities.get(name).adapter.startswith("fortifai.")]


@parametrize_with_checks(*OURS)
def test_an_adapter_of_ours_keeps_the_contract(check: AdapterCheck) -> None:
    check()


def test_all_of_ours_are_checked() -> None:
    assert len(OURS) >= 7
