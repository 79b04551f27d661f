"""Checks that an adapter uses the objective that it is given."""

import math

from fortifai.config import LARGEST_PARAMETER
from fortifai.conformance.check import check, require
from fortifai.conformance.subject import Subject, farthest
from fortifai.contract import checks
from fortifai.contract.modality import Fit

STRONG = "tce-quantile:keep=0.5"
"""Leaves out half of the elements."""

MOVED = 1e-6
"""Nats by which the likelihood of held-out data has to differ for two fits to be two."""

SAME = 1e-3
"""Nats by which it may differ where the same sums are taken in another order, relative and absolute."""

KEPT = 0.8
"""The share of the elements that counts where the masked share is looked at."""

SHARE_ERROR = 0.05
"""By how much a masked share may miss the share that an objective leaves out, in batches of a few elements."""


@check()
def truncating_nothing_is_cross_entropy(subject: Subject) -> None:
    """`tce:gamma=1`, or of densities a gamma that none reaches, gives the model of `ce`, and both mask nothing."""
    name = f"tce:gamma={LARGEST_PARAMETER if subject.declaration.elements.density else 1}"
    truncated, test = subject.fitted_by(name), subject.adapter.splits.test
    plain = subject.nll(subject.model, test)
    off = farthest(plain, subject.nll(truncated.model, test))
    scale = 1 + float(plain.abs().nan_to_num(posinf=0).max())
    require(off <= SAME * scale, f"the same model by {name!r} as by 'ce'", f"a likelihood that differs by up to {off:.3g} nats")
    for objective, fit in (("ce", subject.fitted), (name, truncated)):
        require(
            fit.masked_share <= checks.EXCESS, f"nothing masked by {objective!r}", f"a masked share of {fit.masked_share:.4g}"
        )


@check()
def a_strong_objective_changes_the_fit(subject: Subject) -> None:
    """An objective that leaves out half of the elements, and one that leaves out the surest, give other models than `ce`."""
    middle = float(subject.confidence(subject.model, subject.training).double().median())
    for name in (STRONG, f"tce:gamma={middle:.6g}", "tce-reverse:keep=0.5"):
        fit = subject.fitted_by(name)
        _require_moved(subject, fit, name)
        require(fit.masked_share > 0, f"elements masked by {name!r}", "a masked share of 0")


@check(lambda declaration: bool(declaration.elements.units))
def every_unit_is_weighed(subject: Subject) -> None:
    """Each unit that the declaration names can be weighed, and changes the fit in its own way."""
    fits = {unit: subject.fitted_by(f"{STRONG},unit={unit}") for unit in subject.declaration.elements.units}
    for unit, fit in fits.items():
        _require_moved(subject, fit, f"{STRONG},unit={unit}")
    (first, one), *others = fits.items()
    test = subject.adapter.splits.test
    for unit, other in others:
        off = farthest(subject.nll(one.model, test), subject.nll(other.model, test))
        require(off > MOVED, f"another fit by unit={unit} than by unit={first}", "the same")


@check(lambda declaration: declaration.elements.relative)
def the_relative_scale_is_used(subject: Subject) -> None:
    """What an objective leaves out depends on whether its scale is relative, which the declaration offers."""
    test, gamma = subject.adapter.splits.test, float(subject.confidence(subject.model, subject.training).double().median())
    if not 0 < gamma <= 1:
        gamma = 0.5
    one, other = (subject.fit(objective=f"tce:gamma={gamma:.6g}{scale}") for scale in ("", ",scale=relative"))
    off = farthest(subject.nll(one.model, test), subject.nll(other.model, test))
    # The first fit of a chain may set its own scale: from there on the two part.
    if off <= MOVED and subject.declaration.elements.carried:
        one, other = (subject.fit(objective=f"tce:gamma={gamma:.6g}{s}", init=subject.model) for s in ("", ",scale=relative"))
        off = farthest(subject.nll(one.model, test), subject.nll(other.model, test))
    require(off > MOVED, "another fit on the relative scale than on the absolute one", "the same")


@check()
def truncation_makes_less_sure(subject: Subject) -> None:
    """A model that does not learn what it is surest of is less confident in real data: the objective masks the right end."""
    test = subject.adapter.splits.test
    plain, truncated = (float(subject.confidence(model, test).double().mean()) for model in (
        subject.model, subject.fitted_by(STRONG).model
    ))  # fmt: skip
    require(
        truncated <= 1.01 * plain, f"a mean confidence by {STRONG!r} of at most that by 'ce', {plain:.4g}", f"{truncated:.4g}"
    )


@check()
def masked_share_is_what_was_left_out(subject: Subject) -> None:
    """The masked share is that of the elements which the objective left out: none by `ce`, a fifth where four fifths count."""
    require(subject.fitted.masked_share == 0, "a masked share of 0 by 'ce'", subject.fitted.masked_share)
    quantile, most = f"tce-quantile:keep={KEPT:g}", 1 - KEPT + SHARE_ERROR
    share = subject.fitted_by(quantile).masked_share
    levels = subject.confidence(subject.model, subject.training).unique().numel()
    least = 0.0 if levels < math.sqrt(subject.setting.n) else 1 - KEPT - SHARE_ERROR  # elements of equal confidence are all kept
    require(least <= share <= most, f"a masked share of {least:.2f} to {most:.2f} by {quantile!r}", f"{share:.4g}")
    reverse = "tce-reverse:keep=0.5"
    share = subject.fitted_by(reverse).masked_share
    low = 0.5 - SHARE_ERROR if levels >= math.sqrt(subject.setting.n) else 0.0
    require(low <= share <= 0.5 + SHARE_ERROR, f"a masked share of about 0.5 by {reverse!r}", f"{share:.4g}")


def _require_moved(subject: Subject, fit: Fit[object], name: str) -> None:
    test = subject.adapter.splits.test
    off = farthest(subject.nll(subject.model, test), subject.nll(fit.model, test))
    require(off > MOVED, f"another model by {name!r} than by 'ce'", "the same")
