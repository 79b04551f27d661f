"""The recursion from narrow models to a wide one, and that its passes cost what the wide one's alone would."""

from collections.abc import Sequence

import pytest

from fortifai.coupling.levels import divisors, grown, passes


@pytest.mark.parametrize("blocks", [1, 2, 4, 8])
def test_models_are_coupled_two_by_two_until_one_is_left(blocks: int) -> None:
    calls: list[int] = []

    def fit(times: int, parts: Sequence[list[int]]) -> list[int]:
        calls.append(times)
        return [len(calls)] if not parts else [*parts[0], *parts[1]]

    assert grown(blocks, fit) == list(range(1, blocks + 1))  # each of the first is a part of the last, in order, once
    assert calls == [times for times in divisors(blocks) for _ in range(times)]


def test_passes_of_costs_that_fall_with_the_square_of_the_width_double_with_the_blocks() -> None:
    """1 is twice as wide as 1/4: half of the FLOPs of 12 passes are 6, and of two models at a quarter each 12."""
    assert passes(12, 0.5, [1 / 4, 1]) == [12, 6]
    assert passes(12, 0.5, [1 / 16, 1 / 4, 1]) == [12, 6, 6]
    assert passes(12, 0.75, [1 / 4, 1]) == [18, 3]
    assert passes(7, 0.5, [5]) == [7]


@pytest.mark.parametrize("blocks", [2, 4, 8])
@pytest.mark.parametrize("wanted", [16, 25, 60])
@pytest.mark.parametrize("narrow", [0.25, 0.5, 0.8])
def test_all_passes_together_cost_what_was_wanted_to_half_a_pass(blocks: int, wanted: int, narrow: float) -> None:
    flops = [3 / times + 5 / times**2 for times in divisors(blocks)]  # what a network costs grows between once and twice
    taken = passes(wanted, narrow, flops)
    cost = sum(times * each * own for times, each, own in zip(divisors(blocks), flops, taken, strict=True))
    assert cost == pytest.approx(wanted * flops[-1], abs=flops[-1] / 2)
    spent = [times * each * own for times, each, own in zip(divisors(blocks), flops, taken, strict=True)][:-1]
    for part, times, each in zip(spent, divisors(blocks), flops, strict=False):
        assert part == pytest.approx(narrow * wanted * flops[-1] / len(spent), abs=times * each / 2 + 1e-9)
