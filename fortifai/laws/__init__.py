"""Laws that a recursive training loop must obey, in closed form, and their check through the suites' own protocol."""

from fortifai.laws.calibration import Calibration, Row, calibrate

__all__ = ["Calibration", "Row", "calibrate"]
