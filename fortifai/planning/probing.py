"""What a generation of a regime takes on this machine, worked out from some seconds of it in miniature, and a memory of that."""

import os
import platform
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, ValidationError

from fortifai import objectives
from fortifai.cache import cached_file, write_cached
from fortifai.contract.declaration import modalities
from fortifai.errors import UserError
from fortifai.fidelity.rule import BASELINE
from fortifai.planning.cost import Cost, Speed
from fortifai.planning.facts import installed
from fortifai.planning.loading import Adapters
from fortifai.planning.plan import Done, Plan
from fortifai.planning.suite import Regime
from fortifai.power import EnergyMeter
from fortifai.records.hashing import content_hash
from fortifai.recursion import strategies

if TYPE_CHECKING:
    from fortifai.recursion.chain import Chain
    from fortifai.recursion.trial import Trial

SECONDS = 5.0
"""How long a regime is tried out unless the user says otherwise."""

LONGEST = 3600.0
"""Seconds that a user may ask for."""


class Probed(BaseModel):
    """What a generation takes, as worked out from a probe.

    Attributes:
        fixed: Seconds, whatever the training size.
        per_sample: Seconds on top for each training sample.
        first: Seconds of generation 0.
        watts: Joules a second that the machine's meters counted meanwhile; None where there is none to read.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    fixed: float
    per_sample: float
    first: float
    watts: float | None = None

    @property
    def speed(self) -> Speed:
        """The same as the plan counts with."""
        return Speed(self.fixed, self.per_sample, self.first)


class _Remembered(BaseModel):
    """What a probe of some seconds told; None: nothing."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    seconds: float
    probed: Probed | None


def recall(plan: Plan, done: Done) -> dict[str, Probed]:
    """Return by regime what is remembered of probes, of those regimes of which nothing was measured yet."""
    kept = {name: _recalled(plan.suite.regime(name)) for name in _unmeasured(plan, done)}
    return {name: one.probed for name, one in kept.items() if one is not None and one.probed is not None}


def probe(plan: Plan, done: Done, adapters: Adapters, seconds: float, say: Callable[[str], object] = len) -> dict[str, Probed]:
    """Return by regime what a generation takes here, of those of which nothing was measured yet; try out what is not remembered.

    A regime is left out that lacks something on this machine, or of which a probe was too short to learn anything.

    Args:
        plan: Whose regimes.
        done: What is done, and how long it took.
        adapters: Those that are loaded already.
        seconds: For each regime that is tried out, beside loading; 0: none is. One that was tried out for as long is not again.
        say: Called with what is tried out, before it is.
    """
    found = recall(plan, done)
    for name in _unmeasured(plan, done):
        regime = plan.suite.regime(name)
        known = _recalled(regime)
        if known is not None and known.seconds >= seconds:
            continue
        if seconds <= 0 or plan.facts[name] is None or any(need.missing is not None for need in plan.needs):
            continue
        say(f"trying out regime {name} for {seconds:g} s")
        probed = _probe(regime, plan, adapters, seconds)
        write_cached(_path(regime), _Remembered(seconds=seconds, probed=probed).model_dump_json().encode())
        if probed is not None:
            found[name] = probed
    return found


def joules(plan: Plan, done: Done, cost: Cost) -> float | None:
    """Return the energy that the rest of a plan takes, by the power that probes were measured at.

    It is what the whole machine drew while one chain ran, for as long as the rest takes: with several workers it draws more.

    Args:
        plan: What is left of it.
        done: What is done.
        cost: Its cost.
    """
    remembered = [_recalled(plan.suite.regime(name)) for name in plan.facts]
    probes = [one.probed for one in remembered if one is not None and one.probed is not None]
    watts = [one.watts for one in probes if one.watts is not None]
    if not watts or len(watts) < len(plan.facts):
        return None
    return round(fmean(watts) * cost.seconds, 1)


def _probe(regime: Regime, plan: Plan, adapters: Adapters, seconds: float) -> Probed | None:
    from fortifai.recursion.trial import trials

    try:
        chain = _chain(regime, plan, adapters)
    except UserError:  # a run will say it
        return None
    meter = EnergyMeter.of_machine(gpu=regime.gpu)
    tried = trials(chain, seconds)
    watts = meter.watts()
    if not tried:
        return None
    model = regime.model
    whole = {warm: model.fit_passes(warm=warm) for warm in (False, True)}
    passes = (whole[False], whole[regime.start == "warm"])
    return paced(tried, chain.n, passes, regime).model_copy(update={"watts": watts})


def _chain(regime: Regime, plan: Plan, adapters: Adapters) -> "Chain":
    """Return a chain of the baseline, under the first of the strategies that feed models on what models made."""
    from fortifai.recursion.chain import Chain

    adapter = adapters.bind(regime)
    names = dict.fromkeys(chain.strategy for chain in plan.chains if chain.regime == regime.name)
    chosen = [strategies.resolve(name) for name in names]
    strategy = next((one for one in chosen if one.recursive), chosen[0])
    return Chain(
        adapter=strategy.adapter_for(adapter),
        sampling=regime.sampling,
        n=regime.size(len(adapter.splits.train)),
        start=regime.start,
        metrics=tuple(regime.metric(name) for name in regime.metrics),
        fidelity_metric=regime.fidelity_metric,
        strategy=strategy,
        objective=objectives.resolve(BASELINE),
        seed=0,
    )


def paced(tried: "Sequence[Trial]", n: int, passes: tuple[int | None, int | None], regime: Regime) -> Probed:
    """Return what whole generations take by what small ones took.

    A fit takes a fixed time and a time for each pass; that of a pass, of sampling and of measuring are lines in the number of
    samples, through what was tried; where but one number of samples was, the suite file says how they grow with it.

    Args:
        tried: Small generations, at least one; the last ones are those nearest to whole ones.
        n: Samples of generation 0's training set, and what is measured of every generation.
        passes: Of the fit of generation 0, and of a later one; None: a fit is always whole.
        regime: Whose generations, as declared.
    """
    measured = [one for one in tried if "measure" in one.later]
    fits = [tried[0], *(one for one in tried if one not in measured)]
    fits = fits if len(fits) > 1 else measured
    small, last = fits[0], fits[-1]
    # Of the same number of samples as the last trial, but of fewer passes, where there is one.
    fewer = next((one for one in reversed(fits[:-1]) if one.n == last.n and one.passes != last.passes), None)
    work = []
    for place, whole in enumerate(passes):
        big, little = _steps(last, place), _steps(small, place)
        each, fixed = _pass(big, last, None if fewer is None else (_steps(fewer, place), fewer))
        made = fixed + each * (whole or 1) + _beside(big)
        size, small_size = (last.n, small.n) if place == 0 else (last.later_n, small.later_n)
        slope = regime.seconds_per_sample
        if small_size < size:
            each_small = max(little["fit"] - fixed, 0.0) / (small.passes or 1)
            slope = max(made - (fixed + each_small * (whole or 1) + _beside(little)), 0.0) / (size - small_size)
        slope = min(slope, made / size)
        work.append((made - slope * size, slope))
    measure = _measure(measured, n, regime)
    # What is computed of real data once for a chain, not for each generation.
    once = max(measured[-1].first.get("measure", 0.0) - measured[-1].later.get("measure", 0.0), 0.0)
    fixed = work[1][0] + measure + once / max(regime.generations, 1)
    return Probed(fixed=fixed, per_sample=work[1][1], first=work[0][0] + work[0][1] * n + measure + once)


def _measure(measured: "Sequence[Trial]", n: int, regime: Regime) -> float:
    """Return the seconds of measuring n samples: on the line through two sizes, or as the suite file says that time grows."""
    small, last = measured[0], measured[-1]
    seconds = last.later.get("measure", 0.0)
    if small.n < last.n:
        return seconds + max(seconds - small.later.get("measure", 0.0), 0.0) / (last.n - small.n) * (n - last.n)
    return seconds * _declared(regime, n) / _declared(regime, last.n)


def _steps(trial: "Trial", place: int) -> Mapping[str, float]:
    return trial.first if place == 0 else trial.later


def _pass(steps: Mapping[str, float], trial: "Trial", fewer: "tuple[Mapping[str, float], Trial] | None") -> tuple[float, float]:
    """Return the seconds of a pass of a fit, and those of the fit beside its passes."""
    if trial.passes is None:
        return steps["fit"], 0.0
    if fewer is None or fewer[1].passes is None:
        return steps["fit"] / trial.passes, 0.0
    each = max(steps["fit"] - fewer[0]["fit"], 0.0) / (trial.passes - fewer[1].passes)
    return each, max(fewer[0]["fit"] - each * fewer[1].passes, 0.0)


def _beside(steps: Mapping[str, float]) -> float:
    """Return the seconds of all that grows with the training set, beside the fit."""
    return sum(seconds for name, seconds in steps.items() if name not in ("fit", "measure"))


def _declared(regime: Regime, n: int) -> float:
    return regime.seconds_per_generation + regime.seconds_per_sample * n


def _unmeasured(plan: Plan, done: Done) -> list[str]:
    return [name for name in plan.facts if not done.measured(name)]


def _recalled(regime: Regime) -> _Remembered | None:
    try:
        return _Remembered.model_validate_json(_path(regime).read_bytes())
    except (OSError, ValidationError):
        return None


def _path(regime: Regime) -> Path:
    """Return where the probe of a regime is kept: by what is run, by which code, and on which machine."""
    content = {
        "regime": regime.model_dump(mode="json"),
        "adapter": modalities.get(regime.modality).version,
        "packages": [version("fortifai"), sorted(installed())],
        "machine": [platform.node(), platform.machine(), platform.processor(), os.cpu_count()],
    }
    return cached_file("probes", f"{content_hash(content)}.json")
