"""Strategies: how large a training set is, who made it, what it weighs, and that every real row is followed truthfully."""

from collections import Counter
from dataclasses import dataclass, field

import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st

from fortifai.contract.samples import REAL, Samples
from fortifai.errors import UserError
from fortifai.randomness import stream
from fortifai.recursion.real_data import RealStream
from fortifai.recursion.strategies import (
    Accumulate,
    AccumulateSubsample,
    Anchored,
    Control,
    FreshMix,
    Replace,
    Strategy,
    Supply,
    Weighted,
    registry,
    resolve,
)

shares = st.floats(0.01, 0.99)
anchors = st.builds(Anchored, real=shares, anchor=st.sampled_from(["fresh", "fixed"]))
mixes = st.builds(FreshMix, k=st.integers(2, 6))
weightings = st.builds(Weighted, real=shares, ratio=st.floats(0.1, 3))
plain = st.sampled_from([Replace(), Accumulate(), AccumulateSubsample(), Control()])
all_strategies = st.one_of(plain, anchors, mixes, weightings)

sizes = st.integers(1, 12)
seeds = st.integers(0, 3)


@dataclass
class Loop:
    """A recursion without a model: every sample has an id, 0, 1, 2 ... for a row of the pool, a new negative one when made."""

    strategy: Strategy
    n: int
    pool: int
    seed: int = 0
    last: int = 5
    trained: list[Samples] = field(default_factory=list)
    sources: list[Samples] = field(default_factory=list)
    made: list[Samples] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.real = RealStream(self.rows(), lambda g: self.strategy.fresh(self.n, g), self.seed)
        supply = Supply(self.n, self.real.draw, self.made.__getitem__)
        self.generations = range(self.strategy.horizon(self.last) + 1)
        for generation in self.generations:
            training = self.strategy.compose(generation, supply, stream(self.seed, "compose", generation))
            source = self.strategy.source(training, supply)
            ids = -1 - 10_000 * generation - torch.arange(len(source))
            self.trained.append(training)
            self.sources.append(source)
            self.made.append(Samples.synthetic({"id": ids}, generation))

    def rows(self) -> Samples:
        return Samples.real(id=torch.arange(self.pool))

    def fresh(self, generation: int) -> list[int]:
        return ids(self.real.draw(generation))

    def origins(self, generation: int) -> dict[int, int]:
        return dict(Counter(self.trained[generation].origin.tolist()))


def ids(samples: Samples) -> list[int]:
    values: list[int] = samples["id"].tolist()
    return values


@st.composite
def loops(draw: st.DrawFn, strategies: st.SearchStrategy[Strategy] = all_strategies) -> Loop:
    strategy, n = draw(strategies), draw(sizes)
    needed = max(strategy.fresh(n, g) for g in range(6))
    return Loop(strategy, n, needed + draw(st.integers(0, 5 * needed)), draw(seeds))


# What holds for every strategy


@given(loops())
def test_generation_0_is_n_real_samples_and_nothing_else(loop):
    assert loop.origins(0) == {REAL: loop.n}
    assert loop.trained[0].weight is None
    assert ids(loop.trained[0]) == loop.fresh(0)


@given(loops())
def test_training_sets_and_what_is_made_have_the_sizes_that_are_declared(loop):
    for g in loop.generations:
        assert len(loop.trained[g]) == loop.strategy.training_size(loop.n, g)
        assert len(loop.made[g]) == loop.strategy.makes(loop.n, g)
        assert len(loop.fresh(g)) == loop.strategy.fresh(loop.n, g)


@given(loops())
def test_every_sample_is_stamped_with_who_made_it_and_comes_once(loop):
    for training in loop.trained:
        assert len(set(ids(training))) == len(training)
        for number, origin in zip(ids(training), training.origin.tolist(), strict=True):
            assert origin == (REAL if number >= 0 else (-1 - number) // 10_000)


@given(loops())
def test_real_rows_are_those_of_the_pool_and_were_drawn(loop):
    drawn: set[int] = set()
    for g in loop.generations:
        drawn |= set(loop.fresh(g))
        training = loop.trained[g]
        assert set(ids(training.take(training.is_real()))) <= drawn <= set(range(loop.pool))


@given(loops())
def test_no_real_row_is_fresh_twice_until_the_pool_is_used_up(loop):
    total = sum(loop.strategy.fresh(loop.n, g) for g in loop.generations)
    drawn = [row for g in loop.generations for row in loop.fresh(g)]
    assert sum(loop.real.reused(g) for g in loop.generations) == len(drawn) - len(set(drawn))
    if total <= loop.pool:
        assert len(set(drawn)) == total


@given(loops())
def test_only_weighted_training_sets_are_weighted(loop):
    for g in loop.generations:
        assert (loop.trained[g].weight is not None) == (loop.strategy.name == "weighted" and g > 0)


@given(loops())
def test_what_a_strategy_reads_of_the_past_is_what_it_says(loop):
    for g in loop.generations[1:]:
        origins = {origin for origin in loop.origins(g) if origin != REAL}
        assert origins <= (set(range(g)) if loop.strategy.remembers_all else {g - 1})


@given(all_strategies, sizes, seeds)
def test_a_pool_that_is_too_small_is_a_mistake_of_the_user(strategy, n, seed):
    needed = max(strategy.fresh(n, g) for g in range(strategy.horizon(5) + 1))
    assume(needed > 1)
    with pytest.raises(UserError, match=f"training pool has {needed - 1}"):
        Loop(strategy, n, needed - 1, seed)


# Each strategy


@given(loops(st.just(Replace())))
def test_replace_trains_on_the_last_output_alone(loop):
    for g in loop.generations[1:]:
        assert ids(loop.trained[g]) == ids(loop.made[g - 1])


@given(loops(st.just(Accumulate())))
def test_accumulate_pools_the_real_n_and_the_n_of_every_generation(loop):
    for g in loop.generations:
        assert loop.origins(g) == {REAL: loop.n, **dict.fromkeys(range(g), loop.n)}
        assert set(ids(loop.trained[g])) == set(loop.fresh(0)).union(*(ids(made) for made in loop.made[:g]))
        assert ids(loop.sources[g]) == loop.fresh(0)


@given(loops(st.just(AccumulateSubsample())))
def test_accumulate_subsample_cuts_that_pool_to_n(loop):
    for g in loop.generations[1:]:
        pool = set(loop.fresh(0)).union(*(ids(made) for made in loop.made[:g]))
        assert set(ids(loop.trained[g])) <= pool
        assert len(loop.trained[g]) == loop.n


def test_accumulate_subsample_takes_every_sample_of_the_pool_equally_often():
    strategy, n, runs = AccumulateSubsample(), 6, 1_500
    made = [Samples.synthetic({"id": torch.arange(n) + n * (g + 1)}, g) for g in range(3)]
    supply = Supply(n, lambda g: Samples.real(id=torch.arange(n)), made.__getitem__)
    counts = torch.zeros(4 * n)
    for seed in range(runs):
        counts[strategy.compose(3, supply, stream(seed))["id"]] += 1
    z = (counts - runs / 4) / (runs * 0.25 * 0.75) ** 0.5
    assert z.abs().max() < 4.5


@given(loops(mixes))
def test_fresh_mix_regenerates_the_whole_training_set_and_adds_a_fraction(loop):
    for g in loop.generations:
        assert ids(loop.sources[g]) == ids(loop.trained[g])
        if g > 0:
            assert loop.origins(g) == {g - 1: loop.n * g, REAL: loop.n}
            assert ids(loop.trained[g]) == ids(loop.made[g - 1]) + loop.fresh(g)


@given(mixes, st.integers(1, 10))
def test_fresh_mix_ends_with_its_last_fraction(strategy, generations):
    assert strategy.horizon(generations) == min(generations, strategy.k - 1)
    assert len(Loop(strategy, 2, pool=12, last=10).trained) == strategy.k


@given(st.one_of(plain, anchors, weightings), st.integers(1, 10_000))
def test_the_other_strategies_go_on_as_long_as_they_are_asked_to(strategy, generations):
    assert strategy.last_generation is None
    assert strategy.horizon(generations) == generations


@given(loops(anchors))
def test_anchored_keeps_n_with_its_share_of_real_data(loop):
    for g in loop.generations[1:]:
        real = loop.origins(g).get(REAL, 0)
        assert abs(real - loop.strategy.real * loop.n) <= 0.5 or real in (1, loop.n - 1)
        assert 1 <= real <= max(loop.n - 1, 1)  # at least one row anchors, and one is synthetic where there are two
        assert loop.origins(g).get(g - 1, 0) == loop.n - real
        assert set(ids(loop.trained[g].take(~loop.trained[g].is_real()))) <= set(ids(loop.made[g - 1]))


@given(loops(anchors))
def test_a_fixed_anchor_is_always_the_same_rows_and_a_fresh_one_is_drawn_anew(loop):
    rows = [ids(loop.trained[g].take(loop.trained[g].is_real())) for g in loop.generations[1:]]
    if loop.strategy.anchor == "fixed":
        assert all(anchor == rows[0] for anchor in rows)
        assert set(rows[0]) <= set(loop.fresh(0))
    else:
        assert rows == [loop.fresh(g) for g in loop.generations[1:]]


@given(loops(weightings))
def test_weighted_gives_the_real_part_exactly_its_share_of_the_weight(loop):
    for g in loop.generations[1:]:
        training, weight, real = loop.trained[g], loop.trained[g].weights(), loop.trained[g].is_real()
        assert loop.origins(g) == {REAL: max(round(loop.strategy.ratio * loop.n), 1), g - 1: loop.n}
        assert ids(training.take(real)) == loop.fresh(g)
        assert float(weight.sum()) == pytest.approx(len(training), rel=1e-12)
        assert float(weight[real].sum() / weight.sum()) == pytest.approx(loop.strategy.real, rel=1e-12)
        assert len(weight[real].unique()) == len(weight[~real].unique()) == 1


@given(loops(st.just(Control())))
def test_control_sees_fresh_real_data_and_no_other(loop):
    for g in loop.generations:
        assert loop.origins(g) == {REAL: loop.n}
        assert ids(loop.trained[g]) == loop.fresh(g)


# Names


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("replace", "replace"),
        ("accumulate", "accumulate"),
        ("accumulate-subsample", "accumulate-subsample"),
        ("fresh-mix", "fresh-mix:k=6"),
        ("fresh-mix:k=3", "fresh-mix:k=3"),
        ("anchored", "anchored:anchor=fresh,real=0.25"),
        ("anchored:real=0.5, anchor=fixed", "anchored:anchor=fixed,real=0.5"),
        ("weighted", "weighted:ratio=1,real=0.618"),
        (" control ", "control"),
    ],
)
def test_canonical_names_have_sorted_keys_and_defaults(text, canonical):
    assert resolve(text).canonical == canonical
    assert resolve(canonical) == resolve(text)


def test_the_seven_of_the_protocol_are_registered_and_those_of_others_plug_in():
    seven = "accumulate accumulate-subsample anchored control fresh-mix replace weighted"
    assert [name for name in registry if registry.entry_point(name) is None] == seven.split()
    others = "detector ecosystem edit neon select sims"
    assert [name for name in registry if registry.entry_point(name) is not None] == others.split()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("replcae", "did you mean 'replace'"),
        ("fresh-mix:k=1", "k: input should be greater than or equal to 2, not '1'"),
        ("fresh-mix:k=2.5", "k: input should be a valid integer"),
        ("fresh-mix:n=5", r"n: unknown key \(known: k\)"),
        ("anchored:real=0", "real: input should be greater than 0"),
        ("anchored:real=1", "real: input should be less than 1"),
        ("anchored:anchor=loose", "anchor: input should be 'fresh' or 'fixed'"),
        ("weighted:real=1", "real: input should be less than 1"),
        ("weighted:ratio=0", "ratio: input should be greater than 0"),
        ("weighted:ratio=inf", "ratio: input should be a finite number"),
        ("weighted:real=nan", "real: input should be"),
        ("weighted:real", "'real' should be key=value"),
        ("replace:k=1", "k: unknown key"),
    ],
)
def test_a_wrong_name_or_parameter_is_explained_in_one_line(name, message):
    with pytest.raises(UserError, match=message) as caught:
        resolve(name)
    assert "\n" not in str(caught.value)
