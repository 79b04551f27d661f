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

FREE = 0.01
"""By which share truncation may raise confidence by chance."""

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
    middle = float(subject.confidence(subject.model, subject.training).double().median())
    name = f"tce:gamma={min(middle, 1.0):.6g}"
    # Where a chain's first fit sets the scale, the two part after it.
    init = subject.model if subject.declaration.elements.carried else None
    one, other = (subject.fit(objective=f"{name}{scale}", init=init).model for scale in ("", ",scale=relative"))
    test = subject.adapter.splits.test
    off = farthest(subject.nll(one, test), subject.nll(other, test))
    require(off > MOVED, f"another fit by {name!r} on the relative scale than on the absolute one", "the same")


@check()
def truncation_makes_less_sure(subject: Subject) -> None:
    """A model that does not learn what it is surest of is less confident in real data: the objective masks the right end."""
    test = subject.adapter.splits.test
    models = (subject.model, subject.fitted_by(STRONG).model)
    plain, truncated = (float(subject.confidence(model, test).double().mean()) for model in models)
    expected = f"a mean confidence by {STRONG!r} of at most that by 'ce', {plain:.4g}"
    require(truncated <= (1 + FREE) * plain, expected, f"{truncated:.4g}")


@check()
def masked_share_is_what_was_left_out(subject: Subject) -> None:
    """The masked share is that of the elements which the objective left out: none by `ce`, a fifth where four fifths count."""
    require(subject.fitted.masked_share == 0, "a masked share of 0 by 'ce'", subject.fitted.masked_share)
    # Of elements that are equally confident all are kept, so of a few categories less may be left out than was asked for.
    levels = subject.confidence(subject.model, subject.training).unique().numel()
    many = levels >= math.sqrt(subject.setting.n)
    for name, left_out in ((f"tce-quantile:keep={KEPT:g}", 1 - KEPT), ("tce-reverse:keep=0.5", 0.5)):
        share, least = subject.fitted_by(name).masked_share, left_out - SHARE_ERROR if many else 0.0
        expected = f"a masked share of {least:.2f} to {left_out + SHARE_ERROR:.2f} by {name!r}"
        require(least <= share <= left_out + SHARE_ERROR, expected, f"{share:.4g}")


def _require_moved(subject: Subject, fit: Fit[object], name: str) -> None:
    test = subject.adapter.splits.test
    off = farthest(subject.nll(subject.model, test), subject.nll(fit.model, test))
    require(off > MOVED, f"another model by {name!r} than by 'ce'", "the same")
