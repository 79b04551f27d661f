"""EM for the mixtures of many chains at once: what `em` does for one, as a few products.

One product gives the log densities of all components of all chains, and one more the masses, means and second moments of an
M-step; the monomials that both are made of are computed once a fit. A chain whose likelihood stands still keeps its mixture
while the others go on.

Second moments about 0 lose digits where a component's variance is small beside the square of its mean: of standardised columns,
rounding decides below a variance of some 1e-14, far below the floor of covariances. Without a floor, run chains one by one.

Suffixes in shapes: n samples, C chains of which c still go on, D columns, K components, F monomials; everything is float64.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from fortifai.errors import Diverged, UserError
from fortifai.objectives import CrossEntropy, LeavingOut, Objective, Selective
from fortifai.objectives.anchored import AnchoredGroups

from .config import MixtureConfig
from .em import EMPTY, weigh
from .many import Mixtures, identity, monomials, whole_matrix

WORTH_A_COPY = 0.75
"""Share of chains still going on below which the others are left out of the products, which takes a copy."""


@dataclass(frozen=True)
class Fitted:
    """What EM returns of C chains: as `em.Fitted`, but for one number of each chain.

    Attributes:
        mixtures: The fitted mixtures.
        masked_share: Share of the mass of elements that the last M-step masked, in [0, 1], (C,).
        iterations: EM iterations that were run, int64 (C,).
        converged: Whether the likelihood stood still before the most iterations allowed, bool (C,).
    """

    mixtures: Mixtures
    masked_share: Tensor
    iterations: Tensor
    converged: Tensor


@dataclass
class _Going:
    """The chains that still go on, c of them at first, all with the same objective.

    Attributes:
        chains: Which of the batch's these are, int64 (c,).
        monomials: Of their samples, (c, F, n).
        mixtures: As they are.
        level: The mean log-likelihood before the last M-step, (c,).
        live: Which of them have not stood still yet, bool (c,).
        of: Chains in the batch, C.
    """

    chains: Tensor
    monomials: Tensor
    mixtures: Mixtures
    level: Tensor
    live: Tensor
    of: int

    def without_finished(self) -> "_Going":
        return _Going(
            self.chains[self.live],
            self.monomials[self.live],
            self.mixtures.take(self.live),
            self.level[self.live],
            self.live[self.live],
            self.of,
        )


def fit(x: Tensor, weight: Tensor, objective: Objective, start: Mixtures, config: MixtureConfig) -> Fitted:
    """Fit the mixtures of C chains by EM, each to its own samples: what `em.fit` does one by one.

    Args:
        x: Samples, (n, C, D).
        weight: Of each sample, (n,), >= 0, the same in all chains; their scale does not matter.
        objective: The loss, by its weights.
        start: The mixtures to start from.
        config: How many iterations, and when to stop.

    Raises:
        Diverged: A mixture or its likelihood left the finite numbers.
        UserError: The objective depends on one chain's record, or looks at the samples themselves.
    """
    chains = x.shape[1]
    require(objective, chains)
    weight = weight / weight.mean()
    result = Mixtures(*(parameter.clone() for parameter in vars(start).values()))
    masked, iterations = x.new_zeros(chains), torch.zeros(chains, dtype=torch.int64)
    converged = torch.zeros(chains, dtype=torch.bool)
    going = _Going(torch.arange(chains), monomials(x), start, x.new_full((chains,), -math.inf), ~converged, chains)
    for iteration in range(1, config.max_iterations + 1):
        share, stands = _iterate(going, weight, objective, config)
        ends = going.live & (stands if iteration < config.max_iterations else going.live)
        if not bool(ends.any()):
            continue
        places = going.chains[ends]
        for whole, part in zip(vars(result).values(), vars(going.mixtures).values(), strict=True):
            whole[places] = part[ends]
        masked[places], iterations[places], converged[places] = share[ends], iteration, stands[ends]
        going.live &= ~ends
        left = int(going.live.sum())
        if left == 0:
            break
        if left < WORTH_A_COPY * len(going.live):
            going = going.without_finished()
    result.factors()  # raises Diverged where the last M-step left the finite numbers
    return Fitted(result, masked, iterations, converged)


def require(objective: Objective, chains: int) -> None:
    """Raise UserError for an objective that cannot weigh several chains at once."""
    if type(objective).weigh is not Objective.weigh or "observed" in objective.remembers:
        raise UserError(f"{objective.canonical!r} looks at the samples of one chain: run the chains one by one")
    if chains > 1 and isinstance(objective, LeavingOut):
        raise UserError(
            "tce-online depends on the record of one chain, and a batch records its first alone: run the chains one by one"
        )


def _iterate(going: _Going, weight: Tensor, objective: Objective, config: MixtureConfig) -> tuple[Tensor, Tensor]:
    """Run one EM iteration of all chains, and return the masked shares (c,) and which likelihoods stood still (c,)."""
    coefficients, log_modes = going.mixtures.coefficients()
    exponent = torch.bmm(coefficients, going.monomials)  # (c, K, n): -m^2 / 2
    responsibility = exponent + (log_modes + going.mixtures.weights.log()).unsqueeze(-1)
    largest = responsibility.amax(1, keepdim=True)
    total = responsibility.sub_(largest).exp_().sum(1, keepdim=True)
    responsibility.div_(total)
    log_density = (largest + total.log_()).squeeze(1)  # (c, n)
    level = log_density @ weight / len(weight)
    if not bool(torch.isfinite(level).all()):
        wrong = going.chains[~torch.isfinite(level)]
        raise Diverged(f"the likelihood of chain {int(wrong[0])} of the batch is not finite; run it alone to see when")
    stands = (level - going.level).abs() < config.tolerance
    going.level = level
    mass = responsibility * weight
    kept, share = mass, level.new_zeros(len(level))
    if not isinstance(objective, CrossEntropy):
        elements = _Elements(exponent, log_modes, log_density, responsibility, mass, going.mixtures.means.shape[-1])
        element_weight = elements.weights(objective, going.chains, going.of)
        share = (mass * (element_weight == 0)).sum((1, 2)) / mass.sum((1, 2))
        kept = mass * element_weight
    moments = torch.bmm(mass, going.monomials.mT)  # (c, K, F)
    kept_moments = moments if kept is mass else torch.bmm(kept, going.monomials.mT)
    fitted = _maximise(moments, kept_moments, going.mixtures, config.covariance_floor)
    live = going.live
    if bool(live.all()):
        going.mixtures = fitted
    else:
        merged = (
            torch.where(live.reshape(-1, *[1] * (new.ndim - 1)), new, old)
            for new, old in zip(vars(fitted).values(), vars(going.mixtures).values(), strict=True)
        )
        going.mixtures = Mixtures(*merged)
    return share, stands


def _maximise(moments: Tensor, kept: Tensor, last: Mixtures, floor: float) -> Mixtures:
    """Return the mixtures after an M-step, from sums of mass times monomials, (c, K, F) each: of all, and of what is kept."""
    columns = last.means.shape[-1]
    total, total_kept = moments[..., -1], kept[..., -1]
    alive, spread = total > EMPTY, total_kept > EMPTY
    first = moments[..., -1 - columns : -1]
    means = torch.where(alive.unsqueeze(-1), first / total.clamp(min=EMPTY).unsqueeze(-1), last.means)
    second = kept.index_select(-1, whole_matrix(columns)).unflatten(-1, (columns, columns))
    # The sum of (x - mean)(x - mean)^T, the mean being that of all mass and not of what is kept.
    cross = kept[..., -1 - columns : -1].unsqueeze(-1) * means.unsqueeze(-2)
    outer = means.unsqueeze(-1) * means.unsqueeze(-2)
    scatter = second - cross - cross.mT + total_kept[..., None, None] * outer
    covariances = scatter / total_kept.clamp(min=EMPTY)[..., None, None]
    covariances = covariances + floor * identity(columns)
    return Mixtures(
        total / total.sum(-1, keepdim=True), means, torch.where(spread[..., None, None], covariances, last.covariances)
    )


@dataclass(frozen=True)
class _Elements:
    """What an objective weighs in an iteration of c chains.

    Attributes:
        exponent: -m^2 / 2, m the Mahalanobis distance, (c, K, n).
        log_modes: Log density of every component at its own mean, (c, K).
        log_density: Of every row, (c, n).
        responsibility: (c, K, n).
        mass: Responsibility times the sample's weight, (c, K, n).
        columns: D.
    """

    exponent: Tensor
    log_modes: Tensor
    log_density: Tensor
    responsibility: Tensor
    mass: Tensor
    columns: int

    def weights(self, objective: Objective, places: Tensor, chains: int) -> Tensor:
        """Return the objective's weight of every element, (c, K, n), as `em.objective_weights` has it.

        Args:
            objective: The loss; of anchored truncation, with the anchors of all C chains.
            places: Which of these the c chains are, int64 (c,).
            chains: C.
        """
        by_row = isinstance(objective, Selective) and objective.unit == "row"
        if by_row and not objective.is_relative:
            rows = torch.exp(self.log_density / self.columns)
            confidence = rows.unsqueeze(1).expand_as(self.exponent)
        else:
            height = 0 if objective.is_relative else self.log_modes.unsqueeze(-1)
            confidence = torch.exp((self.exponent + height) / (1 if objective.is_relative else self.columns))
            rows = (self.responsibility * confidence).sum(1) if by_row or not objective.elementwise else confidence[:, 0]
        weighed = rows.unsqueeze(1) if by_row else confidence
        if objective.elementwise:
            return objective.weights(weighed).expand_as(self.exponent)
        if isinstance(objective, AnchoredGroups):
            levels = rows.new_tensor(objective.levels).reshape(chains, -1)[places]
            return (~(weighed > levels.unsqueeze(-1))).to(rows.dtype).expand_as(self.exponent)
        one_by_one = zip(confidence.mT, rows, self.mass.mT, strict=True)
        return torch.stack([weigh(objective, p, row, mass, by_row).T for p, row, mass in one_by_one])
