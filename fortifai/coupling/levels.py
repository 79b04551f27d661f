"""The recursion from narrow models to a wide one, and what its passes come to. Imports no torch."""

from collections.abc import Callable, Sequence
from typing import TypeVar

ModelT = TypeVar("ModelT")


def grown(blocks: int, fit: Callable[[int, Sequence[ModelT]], ModelT]) -> ModelT:
    """Return the wide model that narrow ones grow into: fitted apart, coupled two by two, fitted on, until one is left.

    Args:
        blocks: Narrow models to begin with, a power of two.
        fit: Returns a fitted model. It is told how many times narrower than the wide one that is, and what it is coupled from:
            nothing for the first ones, and then two models that are half as wide.
    """
    models = [fit(blocks, ()) for _ in range(blocks)]
    while len(models) > 1:
        blocks //= 2
        models = [fit(blocks, pair) for pair in zip(models[::2], models[1::2], strict=True)]
    return models[0]


def divisors(blocks: int) -> list[int]:
    """Return how many times narrower than the wide one each level's models are, and how many they are: of four blocks 4, 2, 1."""
    return [1 << power for power in reversed(range(blocks.bit_length()))]


def passes(wanted: int, narrow: float, flops: Sequence[float]) -> list[int]:
    """Return how many passes a model of each level takes: together they cost what ``wanted`` passes of the wide one alone do.

    Narrower levels get ``narrow`` of these FLOPs in equal parts, and each of a level's models an equal part of the level's.
    Passes are whole, so that a level may be off by half a pass of each of its models; the wide one, which is last, makes up for
    it.

    Args:
        wanted: Passes of the wide model alone, >= 1.
        narrow: Share of the FLOPs for narrower levels, between 0 and 1; of no effect where there are none.
        flops: Of one model of each level on one sample, from the narrowest; each level has half the models of the one before.

    Returns:
        At least 1 for each level: where that is too much, the whole costs more than was wanted.
    """
    budget = wanted * flops[-1]
    counts = [2**power for power in reversed(range(len(flops)))]
    share = narrow * budget / max(1, len(flops) - 1)
    taken = [max(1, round(share / (count * each))) for count, each in zip(counts[:-1], flops[:-1], strict=True)]
    spent = sum(count * each * own for count, each, own in zip(counts, flops, taken, strict=False))
    return [*taken, max(1, round((budget - spent) / flops[-1]))]
