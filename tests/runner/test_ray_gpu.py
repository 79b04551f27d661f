"""Chains that share a GPU, by Ray: skipped where torch finds none."""

from pathlib import Path

import pytest
import torch
from cluster_support import CHOICE, local_run, write_bell
from runner_support import numbers

import fortifai
from fortifai.runner.cluster.node import limit_gpu_memory

ray = pytest.importorskip("ray")

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="torch finds no GPU"),
]


def test_four_chains_share_a_gpu_and_have_the_numbers_of_a_local_run(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    (tmp_path / "local").mkdir()
    run = fortifai.run(write_bell(tmp_path), tmp_path, executor="ray:gpus_per_chain=0.25", workers=4, **CHOICE).path
    assert numbers(run) == numbers(local_run(tmp_path / "local"))
    assert "4 chains at once" in capfd.readouterr().err


def test_a_chain_has_its_share_of_the_memory_and_no_more() -> None:
    whole = torch.cuda.get_device_properties(0).total_memory
    limit_gpu_memory(0.25)
    try:
        torch.empty(int(0.2 * whole), dtype=torch.uint8, device="cuda")
        torch.cuda.empty_cache()
        with pytest.raises(torch.OutOfMemoryError):
            torch.empty(int(0.3 * whole), dtype=torch.uint8, device="cuda")
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
        torch.cuda.empty_cache()
