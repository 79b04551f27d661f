"""Energy: what counters have counted, and nothing where one of them cannot be read."""

import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from fortifai import power
from fortifai.power import Counter, EnergyMeter


def zone(folder: Path, name: str, microjoules: int, turns_at: int = 10_000_000) -> Path:
    (folder / name).mkdir()
    (folder / name / "max_energy_range_uj").write_text(f"{turns_at}\n")
    (folder / name / "energy_uj").write_text(f"{microjoules}\n")
    return folder / name / "energy_uj"


@pytest.fixture
def powercap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine's counters, none at first, and a clock that goes on by 2 s with each look."""
    monkeypatch.setattr(power, "POWERCAP", tmp_path)
    clock = iter(range(0, 1000, 2))
    monkeypatch.setattr(power, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    return tmp_path


def test_the_power_of_all_processors_counts_and_their_parts_do_not_count_twice(powercap: Path) -> None:
    files = [zone(powercap, "intel-rapl:0", 1_000_000), zone(powercap, "intel-rapl:1", 0), zone(powercap, "intel-rapl:0:0", 0)]
    meter = EnergyMeter.of_machine(gpu=False)
    for file in files:
        file.write_text("7000000\n")
    assert meter.watts() == pytest.approx((6 + 7) / 2)


def test_a_counter_that_began_again_has_counted_on() -> None:
    shown = iter([9.0, 3.0])
    assert Counter(lambda: next(shown), turns_at=10.0).joules() == 4.0


def test_nothing_is_known_where_nothing_can_be_read(powercap: Path) -> None:
    assert EnergyMeter.of_machine(gpu=False).watts() is None
    (powercap / "intel-rapl:0").mkdir()  # whose counter is not to be read
    assert EnergyMeter.of_machine(gpu=False).watts() is None


def test_a_counter_that_is_gone_meanwhile_leaves_the_power_unknown(powercap: Path) -> None:
    file = zone(powercap, "intel-rapl:0", 1_000_000)
    meter = EnergyMeter.of_machine(gpu=False)
    file.unlink()
    assert meter.watts() is None


def test_gpus_count_where_they_are_used_and_all_of_them_tell(powercap: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    zone(powercap, "intel-rapl:0", 0)
    monkeypatch.setitem(sys.modules, "pynvml", None)  # not installed
    assert EnergyMeter.of_machine(gpu=True).watts() is None
    millijoules = iter([1_000, 2_000, 5_000, 8_000])  # of two GPUs, before and after
    library = SimpleNamespace(
        NVMLError=OSError,
        nvmlInit=lambda: None,
        nvmlDeviceGetCount=lambda: 2,
        nvmlDeviceGetHandleByIndex=int,
        nvmlDeviceGetTotalEnergyConsumption=lambda handle: next(millijoules),
    )
    monkeypatch.setitem(sys.modules, "pynvml", library)
    assert EnergyMeter.of_machine(gpu=True).watts() == pytest.approx((4 + 6) / 2)
