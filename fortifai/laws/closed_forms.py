"""What theory predicts of a recursion, in closed form.

n: samples of a generation. t: fits so far, 1 being the fit to real data, so that generation g is fit g + 1. Variances are those
of maximum likelihood (divided by n), in units of the true variance. Derivations: docs/laws.md.
"""

import math

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import digamma
from scipy.stats import norm


def replace_variance(n: int, t: int) -> float:
    """Return law 1: the expected fitted variance of a Gaussian under replace, in [0, 1]; that of its mean is 1 minus it."""
    return float((1 - 1 / n) ** t)


def replace_log_variance(n: int, t: int) -> float:
    """Return law 2: the expected logarithm of the fitted variance under replace, about -2 t / n."""
    return t * float(digamma((n - 1) / 2) + math.log(2 / n))


def accumulate_variance(n: int, t: int) -> float:
    """Return law 3: the expected fitted variance under accumulate; its limit is sin(x) / x at x = pi / sqrt(n)."""
    return math.prod(1 - 1 / (n * i * i) for i in range(1, t + 1))


def anchored_mean_variance(n: int, real: float, t: float = math.inf) -> float:
    """Return law 4: the variance of the mean under anchored with fresh data; 1 minus it is the expected variance.

    Args:
        n: Samples of a generation.
        real: The share of them that is fresh, in (0, 1).
        t: Fits; at infinity the plateau 1 / D, D = 1 - real + real n (2 - real).
    """
    plateau = 1 / (1 - real + real * n * (2 - real))
    return float(plateau + (1 / n - plateau) * ((1 - real) ** 2 - (1 - real) / n) ** (t - 1))


def weighted_mean_variance(n: int, ratio: float, real: float, t: float = math.inf) -> float:
    """Return law 5: the variance of the mean under weighted.

    Exact at every n: synthetic samples are drawn with the fitted variance, which on average is 1 minus this one. Generation 0
    is fitted to n real samples.

    Args:
        n: Synthetic samples of a generation.
        ratio: Fresh real samples for each of them, > 0.
        real: The share of the weight that the real samples hold, in (0, 1).
        t: Fits.
    """
    carried = (1 - real) ** 2
    decay = carried * (1 - 1 / n)
    plateau = (real**2 / (ratio * n) + carried / n) / (1 - decay)
    return float(plateau + (1 / n - plateau) * decay ** (t - 1))


def best_real_weight(ratio: float) -> float:
    """Return the weight at which the mean of law 5 varies least, for large n; 0.618 at ratio 1 (arXiv 2502.18049)."""
    return (math.sqrt(ratio**2 + 4 * ratio) - ratio) / 2


def truncated_variance(a: float) -> float:
    """Return law 6: the variance of a standard normal variable outside of (-a, a)."""
    return 1 + a * float(norm.pdf(a) / norm.sf(a))


def heterozygosity(probabilities: ArrayLike, n: int, t: int) -> float:
    """Return law 7: the expected chance that two draws from the fitted categories differ, under replace.

    Args:
        probabilities: The true ones, (K,), which sum to 1.
        n: Samples of a generation.
        t: Fits.
    """
    p = np.asarray(probabilities, dtype=np.float64)
    return float(1 - (p**2).sum()) * (1 - 1 / n) ** t


def regression_error(n: int, features: int, t: int) -> float:
    """Return law 8: the expected excess error under replace, in units of the noise's variance.

    Args:
        n: Samples of a generation, above ``features`` + 1.
        features: Standard normal features, drawn anew in every generation.
        t: Fits.
    """
    return t * features / (n - features - 1)


def regression_error_accumulated(n: int, features: int, t: int) -> float:
    """Return law 8 under accumulate with the features of generation 0 shared by all: at most pi^2 / 6 of one fit's error."""
    return regression_error(n, features, 1) * sum(1 / i**2 for i in range(1, t + 1))
