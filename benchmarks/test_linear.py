"""What the fused loss gains on the output layer of a small language model: time and memory, beside the two usual forms.

Run with ``pytest benchmarks/test_linear.py -s``. N = 2,048 tokens, V = 49,152, D = 576, forward and backward, one thread. The
hidden states point at their targets in 60 % of the tokens, or in none, so that these really have p_t above gamma.
"""

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from pytest_benchmark.fixture import BenchmarkFixture
from torch import Tensor

from fortifai.objectives import linear_cross_entropy

N, V, D = 2048, 49_152, 576
GAMMA = 0.9
ROUNDS = 5


def layer(masked: float) -> tuple[Tensor, Tensor, Tensor]:
    """Return hidden states (N, D), weight (V, D) and targets (N,), of which exactly the share ``masked`` has p_t above GAMMA."""
    rng = torch.Generator().manual_seed(0)
    weight = torch.randn(V, D, generator=rng) / D**0.5
    targets = torch.randint(V, (N,), generator=rng)
    hidden = torch.randn(N, D, generator=rng)
    sure = torch.randperm(N, generator=rng)[: round(masked * N)]
    hidden[sure] += 25 * weight[targets[sure]]
    return hidden.requires_grad_(), weight.requires_grad_(), targets


def fused(hidden: Tensor, weight: Tensor, targets: Tensor) -> Tensor:
    return linear_cross_entropy(hidden, weight, targets, f"tce:gamma={GAMMA}")


def authors(hidden: Tensor, weight: Tensor, targets: Tensor) -> Tensor:
    """Return TCE as the ForTIFAI code computes it: log-softmax of all logits, gathered, masked, averaged."""
    nll = -F.log_softmax(hidden @ weight.T, dim=-1).gather(1, targets[:, None]).squeeze(1)
    return (nll * (torch.exp(-nll) <= GAMMA).detach()).mean()


def torch_cross_entropy(hidden: Tensor, weight: Tensor, targets: Tensor) -> Tensor:
    """Return torch's cross entropy, which masks nothing."""
    return F.cross_entropy(hidden @ weight.T, targets)


FORMS: dict[str, Callable[[Tensor, Tensor, Tensor], Tensor]] = {
    "fused": fused,
    "authors": authors,
    "cross entropy": torch_cross_entropy,
}


def seconds(form: str, hidden: Tensor, weight: Tensor, targets: Tensor) -> float:
    hidden.grad = weight.grad = None
    start = time.perf_counter()
    FORMS[form](hidden, weight, targets).backward()  # type: ignore[no-untyped-call]
    return time.perf_counter() - start


@pytest.mark.parametrize(("masked", "over_authors", "over_cross_entropy"), [(0.6, 1.6, 1.3), (0.0, 1.1, 1.1)])
def test_time(benchmark: BenchmarkFixture, masked: float, over_authors: float, over_cross_entropy: float) -> None:
    inputs = layer(masked)
    with torch.no_grad():
        _, confidence = linear_cross_entropy(*inputs, "ce", return_confidence=True)
        assert (confidence > GAMMA).float().mean().item() == pytest.approx(masked, abs=1e-3)
        torch.testing.assert_close(fused(*inputs), authors(*inputs), rtol=1e-5, atol=0)
    rounds: list[dict[str, float]] = []
    # Side by side, so that a machine that slows down slows all of them.
    benchmark.pedantic(lambda: rounds.append({form: seconds(form, *inputs) for form in FORMS}), rounds=ROUNDS, warmup_rounds=0)
    best = {form: min(each[form] for each in rounds) for form in FORMS}
    ratios = {form: median(each[form] / each["fused"] for each in rounds) for form in FORMS}
    benchmark.extra_info.update(masked=masked, best=best, ratios=ratios)
    for form in FORMS:
        print(f"\n{masked:.0%} masked, {form}: {best[form]:.2f} s at best, {ratios[form]:.2f} times the fused one's", end="")
    assert ratios["authors"] >= over_authors
    assert ratios["cross entropy"] >= over_cross_entropy


# Of a process of its own, as the kernel counts it. Not ru_maxrss, which starts from the parent's.
PEAK = """
import re, torch, test_linear as t
from pathlib import Path

def kilobytes(what):
    return int(re.search(what + r":\\s+(\\d+)", Path("/proc/self/status").read_text())[1])

torch.set_num_threads(1)
hidden, weight, targets = t.layer(0.6)
small = torch.zeros(8, t.D, requires_grad=True), torch.zeros(9, t.D, requires_grad=True), torch.zeros(8, dtype=torch.int64)
t.seconds({form!r}, *small)  # so that nothing is loaded for the first time
Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew
before = kilobytes("VmRSS")
t.seconds({form!r}, hidden, weight, targets)
print(kilobytes("VmHWM") - before)
"""


def peak(form: str) -> int:
    """Return the bytes that a forward and backward pass adds at its peak, the gradients included."""
    here = Path(__file__).parent
    process = subprocess.run([sys.executable, "-c", PEAK.format(form=form)], capture_output=True, text=True, check=True, cwd=here)
    return int(process.stdout) * 1024


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_memory() -> None:
    peaks = {form: peak(form) for form in FORMS}
    for form, grown in peaks.items():
        print(f"\n{form}: {grown / 2**20:.0f} MiB", end="")
    assert peaks["fused"] < min(peaks["authors"], peaks["cross entropy"]) / 4
