"""Metrics of tables: how far the rows of a generation are from held-out real rows.

Samples hold ``x``, float64 (n, D): R real rows of the test split, S synthetic rows, D columns. Where a metric reads only some
rows, it takes the first: the test split was shuffled once, and a mixture's draws have no order.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial.distance import cdist
from scipy.stats import ks_2samp
from sklearn import config_context
from sklearn.kernel_approximation import RBFSampler
from sklearn.linear_model import RidgeClassifier
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from fortifai.contract.metric_inputs import MetricInputs
from fortifai.objectives import CrossEntropy
from fortifai.randomness import integer_seed

from .config import MixtureConfig
from .em import fit, k_means_start
from .mixture import GaussianMixture

Table = NDArray[np.float64]

PROJECTIONS = 50
"""Directions that the sliced Wasserstein distance is averaged over."""

MOST_PAIRED = 1000
"""Most rows of each kind where the cost is the square of their number, or a classifier's."""

FEATURES = 64
"""Random Fourier features that the two-sample classifier sees."""

TAIL = 0.01
"""Share of the real values in either tail of a column."""

MODES = 10
"""Modes of the reference mixture; fewer where the pool has fewer than 20 rows for each."""

REFERENCE_ROWS = 5000
"""Rows of the training pool that the reference mixture is fitted to."""

STILL_ALIVE = 0.1
"""A mode is alive while it receives at least this part of its real share of rows."""


def sliced_wasserstein(inputs: MetricInputs) -> float:
    """Return the Wasserstein-1 distance along a direction, averaged over 50 random directions: in standard deviations, >= 0.

    The directions are the same in every generation, so that their choice cancels where generations are compared. Reads all
    rows, any R and S; 0 for a sample against itself (Bonneel et al., 2015).
    """
    real, synthetic = _rows(inputs)

    def projected() -> tuple[Table, Table]:
        normal = torch.randn(real.shape[1], PROJECTIONS, dtype=torch.float64, generator=inputs.stream("sliced_wasserstein"))
        directions: Table = torch.nn.functional.normalize(normal, dim=0).numpy()
        return directions, np.sort(real @ directions, axis=0)

    directions, sorted_real = inputs.once("sliced_wasserstein", projected)
    return float(wasserstein(np.sort(synthetic @ directions, axis=0), sorted_real).sum() / PROJECTIONS)


def wasserstein(u: Table, v: Table) -> Table:
    """Return the Wasserstein-1 distance of two samples, column by column: the mean gap of their quantiles, (D,) and >= 0.

    POT's ``wasserstein_1d`` has the same bits and takes seven times as long, because it looks for the quantiles of every column
    anew, which without weights are at the same places in all (Peyre and Cuturi, 2019, equation 2.37).

    Args:
        u: (n, D), every column in rising order.
        v: (m, D), likewise.
    """
    to_u, to_v = (np.cumsum(np.full(len(x), 1 / len(x))) for x in (u, v))
    levels = np.sort(np.concatenate([to_u, to_v]))
    at_u, at_v = (np.searchsorted(to, levels).clip(0, len(to) - 1) for to in (to_u, to_v))
    gaps: Table = np.abs(u[at_u] - v[at_v])
    return np.asarray((np.diff(levels, prepend=0.0)[:, None] * gaps).sum(axis=0))


def energy_distance(inputs: MetricInputs) -> float:
    """Return the square root of 2 E|X - Y| - E|X - X'| - E|Y - Y'| in D dimensions: in root standard deviations, >= 0.

    The means are over all pairs, a row with itself included (V-statistic): never negative, 0 for a sample against itself, and
    a little above 0 for two samples of one law. Reads at most 1,000 rows of each (Szekely and Rizzo, 2013).
    """
    real, synthetic = (rows[:MOST_PAIRED] for rows in _rows(inputs))
    within_real = inputs.once("energy_distance", lambda: cdist(real, real).mean())
    squared = 2 * cdist(real, synthetic).mean() - within_real - cdist(synthetic, synthetic).mean()
    return float(np.sqrt(max(squared, 0.0)))


def ks_max(inputs: MetricInputs) -> float:
    """Return the largest Kolmogorov-Smirnov distance of any column, in [0, 1]; reads all rows."""
    return float(inputs.shared("ks", lambda: _kolmogorov_smirnov(inputs)).max())


def ks_mean(inputs: MetricInputs) -> float:
    """Return the Kolmogorov-Smirnov distance averaged over columns, in [0, 1]; reads all rows."""
    return float(inputs.shared("ks", lambda: _kolmogorov_smirnov(inputs)).mean())


def classifier_auc(inputs: MetricInputs) -> float:
    """Return how well a classifier tells real from synthetic rows it has not seen: area under the ROC curve, 0.5 = not at all.

    Ridge on 64 random Fourier features of the standardised rows, two-fold: fast, smooth, and equally sensitive in every
    generation. Reads min(R, S, 1000) rows of each. Rows that are in both samples pull it below 0.5.
    """
    real, synthetic = _rows(inputs)
    each = min(len(real), len(synthetic), MOST_PAIRED)
    rows, label = np.concatenate([real[:each], synthetic[:each]]), np.repeat([0, 1], each)
    features = RBFSampler(
        gamma=1 / rows.shape[1], n_components=FEATURES, random_state=integer_seed(inputs.stream("classifier_auc"))
    )
    classifier = make_pipeline(StandardScaler(), features, RidgeClassifier(solver="cholesky"))
    even, areas = np.arange(2 * each) % 2 == 0, []
    with config_context(assume_finite=True, skip_parameter_validation=True):  # half of the time at a few hundred rows
        for fold in (even, ~even):
            score = classifier.fit(rows[~fold], label[~fold]).decision_function(rows[fold])
            areas.append(roc_auc_score(label[fold], score))
    return float(np.mean(areas))


def variance_ratio(inputs: MetricInputs) -> float:
    """Return the total variance (trace of the covariance) of the synthetic rows over that of the real ones: >= 0, best at 1.

    Below 1 spread is lost, above 1 there is too much, and either is lost fidelity.
    """
    real, synthetic = _rows(inputs)
    return float(synthetic.var(axis=0).sum() / real.var(axis=0).sum())


def tail_mass(inputs: MetricInputs) -> float:
    """Return the share of the real values in a column's tails that synthetic values still reach, averaged over columns: [0, 1].

    A tail holds what is at or beyond the 1st or the 99th percentile of the real test split; a value is reached when it lies
    within the synthetic minimum and maximum. It grows with S, so compare it at one S only.
    """
    real, synthetic = _rows(inputs)
    low, high = np.quantile(real, [TAIL, 1 - TAIL], axis=0)
    tail = (real <= low) | (real >= high)
    reached = (real >= synthetic.min(axis=0)) & (real <= synthetic.max(axis=0))
    return float(((tail & reached).sum(axis=0) / tail.sum(axis=0)).mean())


def live_modes(inputs: MetricInputs) -> float:
    """Return how many of a real reference mixture's 10 modes still receive at least a tenth of their real share of rows.

    The reference is fitted once to 5,000 rows of the training pool, whatever model is benchmarked; a row belongs to the mode
    of highest responsibility. In 0 ... 10, or less where the pool is small. With few samples a rare mode may be missed by chance.
    """
    reference, share = inputs.once("live_modes", lambda: _reference(inputs))
    return float((_shares(reference, inputs.synthetic["x"]) >= STILL_ALIVE * share).sum())


def _rows(inputs: MetricInputs) -> tuple[Table, Table]:
    return inputs.real["x"].numpy(), inputs.synthetic["x"].numpy()


def _kolmogorov_smirnov(inputs: MetricInputs) -> Table:
    return np.asarray(ks_2samp(*_rows(inputs), axis=0, method="asymp").statistic)


def _reference(inputs: MetricInputs) -> tuple[GaussianMixture, torch.Tensor]:
    x = inputs.splits.train["x"][:REFERENCE_ROWS]
    config = MixtureConfig(components=max(1, min(MODES, len(x) // 20)), max_iterations=30, covariance_floor=1e-4)
    weight = x.new_ones(len(x))
    start = k_means_start(x, weight, config, integer_seed(inputs.stream("live_modes")))
    reference = fit(x, weight, CrossEntropy(), start, config).mixture
    return reference, _shares(reference, x)


def _shares(reference: GaussianMixture, x: torch.Tensor) -> torch.Tensor:
    mode = reference.log_joint(x)[0].argmax(1)
    return mode.bincount(minlength=len(reference.weights)) / len(x)
