"""What an objective costs: one loss and its gradient over 2^20 elements, beside that of a softmax over as many logits.

Run with ``tox -e bench``. An objective that costs many times the softmax would decide how long a suite takes.
"""

import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture

from fortifai.objectives import registry, resolve

ELEMENTS = 2**20


@pytest.mark.benchmark(group="2^20 elements, forward and backward")
@pytest.mark.parametrize("name", registry)
def test_objective(benchmark: BenchmarkFixture, name: str) -> None:
    objective = resolve(name).for_generation([1.0, 0.9])  # tce-online is a loss within a chain only
    nll = torch.randn(ELEMENTS, generator=torch.Generator().manual_seed(0)).abs().requires_grad_()
    benchmark(lambda: objective.loss(nll, torch.exp(-nll)).backward())


@pytest.mark.benchmark(group="2^20 elements, forward and backward")
def test_softmax_for_comparison(benchmark: BenchmarkFixture) -> None:
    rng = torch.Generator().manual_seed(0)
    logits = torch.randn(1024, ELEMENTS // 1024, generator=rng, requires_grad=True)
    targets = torch.randint(ELEMENTS // 1024, (1024,), generator=rng)
    benchmark(lambda: torch.nn.functional.cross_entropy(logits, targets).backward())
