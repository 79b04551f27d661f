"""What a number of chains can see: the smallest extension ratio that a suite finds more often than not."""

import math

from scipy import special

from fortifai.fidelity.intervals import LEAST_CHAINS

LEVEL = 0.05
"""A smaller p counts as a difference."""

POWER = 0.8
"""The chance with which a ratio should be found."""

ONSET_CV, CORRELATION = 0.2, 0.5
"""What is assumed before there are chains: the onsets' coefficient of variation, and the correlation of a seed's two chains."""

SD_LOG_RATIO = math.sqrt(math.log(1 + ONSET_CV**2) * 2 * (1 - CORRELATION))
"""The standard deviation over seeds of the log of a ratio of two log-normal onsets, under what is assumed."""


def smallest_visible_ratio(chains: int, comparisons: int, sd_log_ratio: float = SD_LOG_RATIO) -> float | None:
    """Return the smallest true extension ratio above 1 that is found with a chance of 80 %.

    Found means p < 0.05 after Holm's adjustment, in which the only ratio of a table that is not 1 has to pass the level divided
    by the number of comparisons. The statistic is that of the score, a t over seeds on the log of the ratio, whose law is then
    the noncentral t. A ratio below 1 is found as easily as its inverse.

    Args:
        chains: Seeds with a chain of both.
        comparisons: Rows of the table that have a p, at least 1.
        sd_log_ratio: The standard deviation over seeds of the log of a seed's ratio.

    Returns:
        The ratio, or None for fewer than three chains, which have no p.
    """
    if chains < LEAST_CHAINS:
        return None
    freedom = chains - 1
    critical = float(special.stdtrit(freedom, 1 - LEVEL / 2 / comparisons))
    low, high = 0.0, 1.0
    while special.nctdtr(freedom, high, critical) > 1 - POWER:
        low, high = high, 2 * high
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if special.nctdtr(freedom, middle, critical) > 1 - POWER else (low, middle)
    return math.exp(min(high * sd_log_ratio / math.sqrt(chains), 700.0))
