"""What theory says of a recursion, in closed form.

n: samples of a generation. t: fits so far, 1 being the fit to real data, so that generation g is fit g + 1. Variances are those
of maximum likelihood (divided by n), in units of the true variance. Derivations: docs/laws.md.
"""

import math

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import digamma
from scipy.stats import norm


def replace_variance(n: int, t: int) -> float:
    """Law 1: the expected fitted variance of a Gaussian under replace; the variance of its mean is what is missing to 1."""
    return float((1 - 1 / n) ** t)


def replace_log_variance(n: int, t: int) -> float:
    """Law 2: the expected logarithm of the fitted variance under replace, about -2 t / n."""
    return t * float(digamma((n - 1) / 2) + math.log(2 / n))


def accumulate_variance(n: int, t: int) -> float:
    """Law 3: the expected fitted variance under accumulate; its limit is sin(x) / x at x = pi / sqrt(n)."""
    return math.prod(1 - 1 / (n * i * i) for i in range(1, t + 1))


def anchored_mean_variance(n: int, real: float, t: float = math.inf) -> float:
    """Law 4: the variance of the mean when a share ``real`` of every n is fresh; 1 minus it is the expected variance.

    At t = infinity the plateau 1 / D, D = 1 - real + real n (2 - real).
    """
    plateau = 1 / (1 - real + real * n * (2 - real))
    return float(plateau + (1 / n - plateau) * ((1 - real) ** 2 - (1 - real) / n) ** (t - 1))


def weighted_mean_variance(n: int, ratio: float, real: float, t: float = math.inf) -> float:
    """Law 5: the variance of the mean when ``ratio`` n fresh samples hold the share ``real`` of the weight beside n synthetic.

    Exact at every n: what is synthetic is drawn with the fitted variance, which is 1 minus this one on average. Generation 0 is
    fitted to n real samples.
    """
    kept = (1 - real) ** 2
    decay = kept * (1 - 1 / n)
    plateau = (real**2 / (ratio * n) + kept / n) / (1 - decay)
    return float(plateau + (1 / n - plateau) * decay ** (t - 1))


def best_real_weight(ratio: float) -> float:
    """Law 5: the share of the weight that makes the mean vary least, for large n; 0.618 at a ratio of 1 (arXiv 2502.18049)."""
    return (math.sqrt(ratio**2 + 4 * ratio) - ratio) / 2


def truncated_variance(a: float) -> float:
    """Law 6: the variance of a standard normal variable outside of (-a, a)."""
    return 1 + a * float(norm.pdf(a) / norm.sf(a))


def heterozygosity(probabilities: ArrayLike, n: int, t: int) -> float:
    """Law 7: the expected chance that two draws from the fitted categories differ, under replace."""
    p = np.asarray(probabilities, dtype=np.float64)
    return float(1 - (p**2).sum()) * (1 - 1 / n) ** t


def regression_error(n: int, features: int, t: int) -> float:
    """Law 8: the expected excess error under replace with fresh standard normal features, in units of the noise's variance."""
    return t * features / (n - features - 1)


def regression_error_accumulated(n: int, features: int, t: int) -> float:
    """Law 8: the same under accumulate with the features of generation 0 shared by all, at most pi^2 / 6 of one fit's."""
    return regression_error(n, features, 1) * sum(1 / i**2 for i in range(1, t + 1))
