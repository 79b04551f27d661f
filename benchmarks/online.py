"""What `tce-online` does to a Gaussian under replace, beside cross entropy, `tce-calibrated` and an integral term.

Many chains at once; tests/objectives/test_online.py holds the simulation to the protocol. Prints the table of docs/laws.md:
quantiles over chains of the fitted sigma after 300 generations, the truth being 1. Run with ``python benchmarks/online.py``.
"""

import argparse
import math

import torch
from torch import Tensor

from fortifai.objectives.calibrated import keep_share
from fortifai.objectives.online import MOST, OnlineTruncation
from fortifai.randomness import stream

GENERATIONS = 300
QUANTILES = (0.05, 0.5, 0.95)


def refit(x: Tensor, share: Tensor) -> tuple[Tensor, Tensor]:
    """Return mean and standard deviation (C, 1) of chains x (C, n), after leaving out shares (C,) of what is nearest the mean."""
    n = x.shape[1]
    mean = x.mean(1, keepdim=True)
    distance = (x - mean).abs().sort(1).values
    weight = (torch.arange(1, n + 1, dtype=x.dtype) - share[:, None] * n).clamp(0, 1)
    return mean, ((distance.square() * weight).sum(1, keepdim=True) / weight.sum(1, keepdim=True)).sqrt()


def own_nll(x: Tensor, mean: Tensor, deviation: Tensor) -> Tensor:
    """Return the mean negative log-likelihood (C,) of chains x (C, n), in nats."""
    return (0.5 * ((x - mean) / deviation).square() + deviation.log() + 0.5 * math.log(2 * math.pi)).mean(1)


def chains(rule: str, n: int, temperature: float, count: int, generations: int = GENERATIONS) -> Tensor:
    """Simulate chains and return the standard deviation (C,) of the last generation's models.

    Args:
        rule: ``ce``, ``calibrated``, ``online`` or ``integral``.
        n: Samples of a generation.
        temperature: Factor of the variance of what is sampled.
        count: Chains C.
        generations: The last generation.
    """
    rng = stream("online", n, round(100 * temperature))
    objective = OnlineTruncation()
    x = torch.randn(count, n, generator=rng, dtype=torch.float64)
    share = torch.full((count,), 1 - keep_share(n) if rule == "calibrated" else 0.0, dtype=torch.float64)
    first, integral = None, torch.zeros(count, dtype=torch.float64)
    for _ in range(generations + 1):
        mean, deviation = refit(x, share)
        x = mean + deviation * math.sqrt(temperature) * torch.randn(count, n, generator=rng, dtype=torch.float64)
        level = own_nll(x, mean, deviation)
        first = level if first is None else first
        if rule in ("online", "integral"):
            lost = first - level
            unbounded = objective.gain * 2 * lost + integral
            share = unbounded.clamp(0, MOST)
            if rule == "integral":  # a tenth of the gain, held where the share is at a bound
                held = (unbounded != share) & (unbounded.sign() == lost.sign())
                integral = torch.where(held, integral, integral + 0.2 * lost)
    return deviation.squeeze(1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--chains", type=int, default=1000, help="at n <= 100; a quarter of it at n = 1000")
    arguments = parser.parse_args()
    print("| n | temperature | ce | tce-calibrated | tce-online | with an integral term |")
    print("|---:|---:|---|---|---|---|")
    for n in (30, 100, 1000):
        for temperature in (1.0, 0.9):
            count = arguments.chains if n <= 100 else arguments.chains // 4
            cells = []
            for rule in ("ce", "calibrated", "online", "integral"):
                low, middle, high = chains(rule, n, temperature, count).quantile(torch.tensor(QUANTILES, dtype=torch.float64))
                cells.append(f"{middle:.2f} ({low:.2f} to {high:.2f})")
            print(f"| {n} | {temperature:g} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
