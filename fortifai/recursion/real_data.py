"""Fresh real data for a chain: which rows of the training pool each generation draws."""

from collections.abc import Callable

import torch
from torch import Tensor

from fortifai.contract.samples import Samples
from fortifai.errors import UserError
from fortifai.randomness import stream


class RealStream:
    """Draws from the training pool, a function of the chain's seed alone: the same whatever the objective, and on resume.

    The pool is shuffled and dealt out; no row comes twice in one draw, and none comes again until what is left of the pool
    cannot serve a whole draw. Then it is shuffled and dealt out anew, and the rows seen before are counted as reused. A pool
    that is dealt in its own order is not shuffled: every draw continues where the last one ended, for all seeds alike.

    Args:
        pool: The training pool.
        size: Returns how many real samples generation g draws.
        seed: The chain's seed.
        in_order: Whether the pool is dealt in its own order.
    """

    def __init__(self, pool: Samples, size: Callable[[int], int], seed: int, *, in_order: bool = False) -> None:
        self._pool = pool
        self._size = size
        self._seed = seed
        self._in_order = in_order
        self._seen = torch.zeros(len(pool), dtype=torch.bool)
        self._deal, self._dealt, self._shuffles = self._shuffle(0), 0, 1
        self._draws: list[tuple[Tensor, int]] = []

    def draw(self, generation: int) -> Samples:
        """Return the real samples that generation g draws (none for a strategy that wants none)."""
        return self._pool.take(self._drawn(generation)[0])

    def reused(self, generation: int) -> int:
        """Return how many of generation g's real samples an earlier generation of this chain had drawn already."""
        return self._drawn(generation)[1]

    def _drawn(self, generation: int) -> tuple[Tensor, int]:
        while len(self._draws) <= generation:
            self._draws.append(self._next(self._size(len(self._draws))))
        return self._draws[generation]

    def _next(self, size: int) -> tuple[Tensor, int]:
        if size > len(self._pool):
            raise UserError(f"{size} real samples a generation are asked for, and the training pool has {len(self._pool)}")
        if self._dealt + size > len(self._pool):
            self._deal, self._dealt, self._shuffles = self._shuffle(self._shuffles), 0, self._shuffles + 1
        index = self._deal[self._dealt : self._dealt + size]
        self._dealt += size
        reused = int(self._seen[index].sum())
        self._seen[index] = True
        return index, reused

    def _shuffle(self, number: int) -> Tensor:
        if self._in_order:
            return torch.arange(len(self._pool))
        return torch.randperm(len(self._pool), generator=stream(self._seed, "real", number))
