"""Analytic adapters whose noise a test chooses."""

from copy import copy
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor

from fortifai.config import Sampling
from fortifai.contract.declaration import modalities
from fortifai.contract.modality import AnyModality
from fortifai.contract.samples import Samples, Splits
from fortifai.laws.monte_carlo import Memory
from fortifai.objectives import resolve as objective_of
from fortifai.randomness import seed_of
from fortifai.recursion.chain import Chain
from fortifai.recursion.protocol import run_chain
from fortifai.recursion.strategies import resolve as strategy_of

CHAINS = 4


def adapter_of(kind: str, chains: int | None, rows: int = 400) -> AnyModality:
    declaration = modalities.get(f"analytic-{kind}")
    tables = declaration.tables()
    return declaration.bind(tables["model"](), tables["data"](rows=rows, held_out=3, chains=chains))


def alone(batch: AnyModality, c: int) -> AnyModality:
    """The adapter of one chain of a batch: the same one, with that chain's real data."""
    own, splits = copy(batch), batch.splits
    own.splits = Splits(*(column(part, c) for part in (splits.train, splits.validation, splits.test)))
    return own


def column(samples: Samples, c: int) -> Samples:
    return Samples({name: tensor[:, c].contiguous() for name, tensor in samples.data.items()}, samples.origin, samples.weight)


def models(
    kind: str,
    adapter: AnyModality,
    *,
    n: int = 20,
    strategy: str = "replace",
    objective: str = "ce",
    horizon: int = 4,
    start: Literal["warm", "scratch"] = "scratch",
    temperature: float = 1.0,
) -> list[Any]:
    """The models of every generation, through the protocol."""
    metric = modalities.get(f"analytic-{kind}").metrics[0]
    chain = Chain(
        adapter=adapter,
        sampling=Sampling(temperature=temperature),
        n=n,
        start=start,
        metrics=(metric,),
        fidelity_metric=metric.name,
        strategy=strategy_of(strategy),
        objective=objective_of(objective),
        seed=5,
    )
    history: Memory[Any] = Memory(chain.strategy)
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
