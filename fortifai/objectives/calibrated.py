"""Calibrated TCE: how much to truncate, from theory, so that a Gaussian refitted to its own samples keeps its spread.

The theory is that of one Gaussian. In a mixture each component is treated as one of its effective number of samples, which leaves
out that components overlap and hand samples to one another.
"""

from collections.abc import Callable
from functools import lru_cache
from math import exp, log
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from fortifai.config import Identity
from fortifai.objectives.base import Selective
from fortifai.objectives.truncated import leave_out

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

GRID = 2049
"""Sample sizes, evenly spaced in log(n - dimensions), at which the share is solved for; between them it is interpolated."""

LARGEST = 1e7
"""The largest n - dimensions of the grid. Beyond it a share is solved for by itself."""

TABLES = 32
"""Numbers of dimensions whose grids are kept."""

ROUNDS = 50
"""Most steps of Newton's method; 15 are enough up to 1,000 columns."""

SETTLED = 1e-9
"""Relative size of a Newton step after which the share has settled: the step's error is about its square."""


class CalibratedTruncation(Selective):
    """Calibrated TCE: truncates just as much as undoes the expected loss of log variance of a Gaussian fitted to n samples."""

    name: ClassVar[str] = "tce-calibrated"
    dimensions: Identity[int] = Field(1, ge=1, description="columns of the Gaussian, or of each component of a mixture")

    def weights(self, confidence: "Tensor", mass: "Tensor | None" = None) -> "Tensor":
        """Return weights that leave out the most confident elements until `keep_share` of the mass is left.

        The last element counts in part, because what has to go is about two samples whatever n is, and a whole one more or less
        is a drift. Shapes as in `Objective.weights`.
        """
        p = confidence.detach()
        counts = p.new_ones(p.numel()).double() if mass is None else mass.detach().reshape(-1).double()
        # The number of equally weighted samples that would scatter as much as these (Kish).
        n = float(counts.sum().square() / counts.square().sum()) if p.numel() else 0.0
        return leave_out(p, 1 - keep_share(n, self.dimensions), mass)


def keep_share(n: float, dimensions: int = 1) -> float:
    """Return the share of the samples to keep, so that E[ln(next variance / variance)] is 0 for a Gaussian fitted to n samples.

    Three things change the log variance of a column on average, in D dimensions: the fit itself, by
    mean_j psi((n - j) / 2) + ln 2 - ln n for j = 1 ... D (law 2 for D = 1); dividing by the kept samples alone, by -ln(keep);
    and the scatter of the dropped ones, the nearest to the mean, by ln(1 - F_(D+2)(F_D^-1(1 - keep))), F the chi-squared law of
    squared distances. The share solves for their sum to be 0. lambda * eta(a) = 1 (ForTIFAI) does so for the mean of the
    variance only, which rare survivors carry, while the typical chain collapses.

    A mixture asks for another n at every component and iteration, so the equation is solved on a grid of n, once for each number
    of dimensions, and the answers are interpolated: within 1e-6, relative, of the solution in the share that is kept and in the
    one that goes, for up to 100 dimensions (measured: 1e-7).

    Args:
        n: Effective number of samples, >= 0.
        dimensions: Columns D of the Gaussian, >= 1.

    Returns:
        A share in (0, 1]; 1 for fewer than D + 2 samples, which are too few to calibrate on.
    """
    # Imported here, because naming an objective needs none of the seconds that SciPy takes to import.
    import numpy as np

    if n < dimensions + 2:
        return 1.0
    if n - dimensions > LARGEST:
        return float(_solve(np.array(n), dimensions))
    return 1 / (1 + exp(_log_odds_dropped(dimensions)(log(n - dimensions))))


@lru_cache(maxsize=TABLES)
def _log_odds_dropped(dimensions: int) -> Callable[[float], float]:
    """Return the log odds that a sample is dropped, as a smooth function of log(n - dimensions) on the grid.

    In these coordinates the curve bends little at either end, where digamma has its pole at n = dimensions, and where the share
    that is kept, or the one that is dropped, falls by orders of magnitude. The interpolation is monotone (PCHIP).
    """
    import numpy as np
    from scipy.interpolate import PchipInterpolator

    log_excess = np.linspace(log(2), log(LARGEST), GRID)
    keep = _solve(np.exp(log_excess) + dimensions, dimensions)
    curve = PchipInterpolator(log_excess, np.log1p(-keep) - np.log(keep))
    return lambda x: float(curve(x))


def _solve(n: "NDArray[np.float64]", dimensions: int) -> "NDArray[np.float64]":
    """Solve the equation of `keep_share` for every n, any shape, by Newton's method."""
    import numpy as np
    from scipy.special import digamma, gammaincc, gammainccinv

    # What a fit leaves of the variance, by its log: the keep share is a fixed point of remaining * P(distance > radius).
    log_remaining = sum(digamma((n - j) / 2) for j in range(1, dimensions + 1)) / dimensions + np.log(2) - np.log(n)
    remaining = np.exp(log_remaining)
    keep: NDArray[np.float64] = remaining
    for _ in range(ROUNDS):
        half = gammainccinv(dimensions / 2, keep)  # half the squared distance beyond which the share `keep` lies
        excess = keep - remaining * gammaincc(dimensions / 2 + 1, half)
        step = excess / (1 - remaining * half / (dimensions / 2))
        keep = np.maximum(keep - step, np.finfo(np.float64).tiny)
        if np.all(np.abs(step) <= SETTLED * keep):
            break
    return keep
