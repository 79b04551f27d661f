"""What `fortifai plan` says of costs: hours, energy and money, and what they are known by."""

import math
from collections.abc import Iterator
from typing import Any

from fortifai.cli.output import duration
from fortifai.errors import UserError
from fortifai.planning import probing
from fortifai.planning.cost import Cost

HOUR = 3600.0

BASES = {
    "measured": "by what has run",
    "probed": "by a trial of some seconds on this machine",
    "declared": "as its suite file declares, not measured here",
}


def seconds_of_probe(asked: float | None) -> float:
    """Return how long a regime is tried out. Raises UserError where that is no such time."""
    if asked is None:
        return probing.SECONDS
    if not 0 <= asked <= probing.LONGEST:
        raise UserError(f"--probe {asked:g}: must be from 0 to {probing.LONGEST:g} seconds")
    return asked


def require_price(price: float | None) -> None:
    """Raise UserError unless a price is a finite number of at least 0."""
    if price is not None and not (math.isfinite(price) and price >= 0):
        raise UserError(f"--price {price:g}: must be at least 0")


def money_of(cost: Cost, price: float) -> dict[str, Any]:
    """Return what the rest costs, and what the price is of: hours of GPUs, or of cores where none is needed."""
    per, seconds = ("gpu_hour", cost.gpu_seconds) if cost.gpu_seconds else ("core_hour", cost.core_seconds)
    hours = seconds / HOUR
    return {"amount": round(price * hours, 4), "price": price, "per": per, "hours": round(hours, 6)}


def as_json(cost: Cost, energy: float | None, price: float | None) -> dict[str, Any]:
    """Return the estimate as `fortifai plan --json` has it."""
    return {
        "seconds": cost.seconds,
        "disk_bytes": cost.disk_bytes,
        "memory_bytes": cost.memory_bytes,
        "gpu_seconds": cost.gpu_seconds,
        "core_seconds": cost.core_seconds,
        "energy_joules": energy,
        "money": None if price is None else money_of(cost, price),
        "basis": dict(cost.basis),
    }


def lines(cost: Cost, energy: float | None, price: float | None) -> Iterator[str]:
    """Yield what is said of costs beside seconds, disk and memory."""
    for basis, text in BASES.items():
        names = [name for name, known_by in cost.basis.items() if known_by == basis]
        if names:
            yield f"seconds of {', '.join(names)}: {text}"
    if cost.gpu_seconds:
        yield f"needs a GPU: about {cost.gpu_seconds / HOUR:.3g} GPU hours"
    if energy is not None:
        yield f"energy: about {energy / HOUR / 1000:.2g} kWh, at the power that this machine drew with one chain"
    if price is not None:
        money = money_of(cost, price)
        what = "GPU" if money["per"] == "gpu_hour" else "core"
        beside = f"; {duration(cost.core_seconds)} of a core are not counted" if what == "GPU" and cost.core_seconds else ""
        yield f"costs about {money['amount']:.3g}, at {price:g} for an hour of a {what}{beside}"
