"""Calibrated TCE: how much to truncate, from theory, so that a Gaussian refitted to its own samples keeps its spread.

The theory is that of one Gaussian. In a mixture each component is treated as one of its effective number of samples, which leaves
out that components overlap and hand samples to one another.
"""

from functools import cache
from math import exp, log
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from fortifai.config import Identity
from fortifai.objectives.base import Selective
from fortifai.objectives.truncated import leave_out

if TYPE_CHECKING:
    from torch import Tensor

ROUNDS = 100
"""Most fixed-point rounds; the share settles to the last bit in fewer than ten from 10 samples on."""


class CalibratedTruncation(Selective):
    """Calibrated TCE: truncates just as much as undoes the expected loss of log variance of a Gaussian fitted to n samples."""

    name: ClassVar[str] = "tce-calibrated"
    dimensions: Identity[int] = Field(1, ge=1, description="columns of the Gaussian, or of each component of a mixture")

    def weights(self, confidence: "Tensor", mass: "Tensor | None" = None) -> "Tensor":
        """Leave out the most confident elements until `keep_share` of the mass is left; the last one counts in part.

        In part, because what has to go is about two samples whatever n is, and a whole one more or less is a drift.
        """
        p = confidence.detach()
        counts = p.new_ones(p.numel()).double() if mass is None else mass.detach().reshape(-1).double()
        # The number of equally weighted samples that would scatter as much as these (Kish).
        n = float(counts.sum().square() / counts.square().sum()) if p.numel() else 0.0
        return leave_out(p, 1 - keep_share(n, self.dimensions), mass)


@cache
def keep_share(n: float, dimensions: int = 1) -> float:
    """Share of the samples to keep, so that E[ln(next variance / variance)] is 0 for a Gaussian fitted to n samples.

    Three things change the log variance of a column on average, in D dimensions: the fit itself, by
    mean_j psi((n - j) / 2) + ln 2 - ln n for j = 1 ... D (law 2 for D = 1); dividing by the kept samples alone, by -ln(keep);
    and the scatter of the dropped ones, the nearest to the mean, by ln(1 - F_(D+2)(F_D^-1(1 - keep))), F the chi-squared law of
    squared distances. The share solves for their sum to be 0. lambda * eta(a) = 1 (ForTIFAI) does so for the mean of the
    variance only, which rare survivors carry, while the typical chain collapses. For fewer than D + 2 samples: 1.
    """
    # Here, because naming an objective needs none of the seconds that SciPy takes to import.
    from scipy.special import digamma
    from scipy.stats import chi2

    if n < dimensions + 2:
        return 1.0
    fit = sum(float(digamma((n - j) / 2)) for j in range(1, dimensions + 1)) / dimensions + log(2) - log(n)
    keep = exp(fit)
    for _ in range(ROUNDS):
        last = keep
        keep = exp(fit) * (1 - float(chi2.cdf(chi2.ppf(1 - last, dimensions), dimensions + 2)))
        if keep == last:
            break
    return keep
