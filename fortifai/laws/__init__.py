"""Laws that a recursive training loop must obey, in closed form, and their check through the protocol that suites run."""

from fortifai.laws.calibration import Calibration, Row, calibrate

__all__ = ["Calibration", "Row", "calibrate"]
