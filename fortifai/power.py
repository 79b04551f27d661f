"""How much energy this machine uses, where it tells: the processor's by RAPL, a GPU's by NVML."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path

POWERCAP = Path("/sys/class/powercap")
"""Where Linux shows the counters of RAPL."""

MICRO, MILLI = 1e-6, 1e-3


class Counter:
    """One counter of energy, which begins again at 0 after its largest value.

    Args:
        read: Returns what it shows, in joules. Raises OSError where it cannot be read.
        turns_at: The largest value, in joules; None: it never begins again.
    """

    def __init__(self, read: Callable[[], float], turns_at: float | None = None) -> None:
        self._read, self._turns_at = read, turns_at
        self._begun = read()

    def joules(self) -> float:
        """Return how much was counted since it was made; a counter that began again meanwhile has done so once."""
        counted = self._read() - self._begun
        return counted if counted >= 0 or self._turns_at is None else counted + self._turns_at


class EnergyMeter:
    """What the machine's counters have counted since it was made.

    Args:
        counters: Which; none: nothing is known.
    """

    def __init__(self, counters: Sequence[Counter]) -> None:
        self._counters = counters
        self._begun = time.monotonic()

    @classmethod
    def of_machine(cls, *, gpu: bool) -> "EnergyMeter":
        """Return a meter of the processor, and of the GPUs if they are used: only where all of these tell.

        Args:
            gpu: Whether GPUs count.
        """
        processors = _processors()
        counters = [*processors, *_gpus()] if gpu else processors
        return cls(counters if processors and (not gpu or len(counters) > len(processors)) else [])

    def watts(self) -> float | None:
        """Return the joules a second since it was made, or None where no counter can be read."""
        try:
            joules = sum(counter.joules() for counter in self._counters)
        except OSError:
            return None
        return joules / max(time.monotonic() - self._begun, 1e-9) if self._counters else None


def _processors() -> list[Counter]:
    """Return a counter for each processor: its parts, intel-rapl:0:0, are counted in it."""
    try:
        zones = sorted(zone for zone in POWERCAP.glob("*-rapl:*") if zone.name.count(":") == 1)
        return [Counter(_reader(zone / "energy_uj"), _reader(zone / "max_energy_range_uj")()) for zone in zones]
    except (OSError, ValueError):  # since 2020 only root may read them
        return []


def _reader(file: Path) -> Callable[[], float]:
    return lambda: MICRO * int(file.read_text())


def _gpus() -> list[Counter]:
    """Return a counter for each GPU that NVML knows, where its Python package is installed."""
    try:
        import pynvml
    except ImportError:
        return []
    try:
        pynvml.nvmlInit()
        handles = [pynvml.nvmlDeviceGetHandleByIndex(place) for place in range(pynvml.nvmlDeviceGetCount())]
        return [Counter(_gpu_reader(pynvml.nvmlDeviceGetTotalEnergyConsumption, handle)) for handle in handles]
    except pynvml.NVMLError:  # no driver, or a GPU that does not count
        return []


def _gpu_reader(energy: Callable[[object], int], handle: object) -> Callable[[], float]:
    return lambda: MILLI * energy(handle)
