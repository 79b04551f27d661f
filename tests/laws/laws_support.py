"""Analytic adapters whose noise a test chooses."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from fortifai.config import Sampling
from fortifai.contract.declaration import modalities
from fortifai.contract.modality import Modality
from fortifai.contract.samples import Samples, Splits
from fortifai.laws.monte_carlo import Memory
from fortifai.objectives import resolve as objective_of
from fortifai.randomness import seed_of
from fortifai.recursion.protocol import Chain, run_chain
from fortifai.recursion.strategies import resolve as strategy_of
from fortifai.registry import load_object

CHAINS = 4


def adapter(kind: str, **config: Any) -> Modality[Any]:
    declaration = modalities.get(f"analytic-{kind}")
    return declaration.build(load_object(declaration.config)(**config))


def real(kind: str, chains: int | None, rows: int = 400) -> Splits:
    declaration = modalities.get(f"analytic-{kind}")
    return adapter(kind).load(load_object(declaration.data)(rows=rows, held_out=3, chains=chains))


def column(samples: Samples, c: int) -> Samples:
    return Samples({name: tensor[:, c].contiguous() for name, tensor in samples.data.items()}, samples.origin, samples.weight)


def models(
    kind: str, splits: Splits, *, n: int = 20, strategy: str = "replace", objective: str = "ce", horizon: int = 4
) -> list[Any]:
    """The models of every generation, through the protocol."""
    chosen, metric = strategy_of(strategy), modalities.get(f"analytic-{kind}").metrics[0]
    history = Memory(chosen)
    chain = Chain(
        adapter(kind), splits, Sampling(), n, "scratch", (metric,), metric.name, chosen, objective_of(objective), seed=5
    )
    assert [record.status for record in run_chain(chain, history, horizon)] == ["ok"] * (horizon + 1)
    return history.models


@dataclass
class Injected:
    """Draws that stand in for those of a stream: of a batch, or those that one chain of the batch gets.

    What is drawn is a function of the stream and of what is asked for, and never of how many chains ask.
    """

    only: int | None = None

    def draw(self, shape: tuple[int, ...], rng: torch.Generator, uniform: bool = False) -> Tensor:
        seed = seed_of(rng.initial_seed(), int(torch.randint(2**31, (), generator=rng)))
        own = torch.Generator().manual_seed(seed)
        n, rest = shape[0], shape[1:] if self.only is not None else shape[2:]
        make = torch.rand if uniform else torch.randn
        whole = make((n, CHAINS, *rest), generator=own, dtype=torch.float64)
        return whole if self.only is None else whole[:, self.only].clone()
