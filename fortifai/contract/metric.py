"""What a metric declares of itself, without importing torch: its direction, unit, range, and where the code is."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Literal

from fortifai.errors import UserError
from fortifai.needs import _missing
from fortifai.registry import load_object

if TYPE_CHECKING:
    from fortifai.contract.metric_inputs import MetricInputs
    from fortifai.contract.modality import Modality

Needs = Literal["real", "synthetic", "train", "model", "first_model"]


@dataclass(frozen=True)
class Metric:
    """A declared measurement of one generation.

    ``better``: the direction, or "target" for a value that is best at ``target``. ``unit`` and ``valid`` (the closed range of
    possible values) are shown beside it. ``least_n``: the fewest synthetic samples it means anything for. ``needs``: the
    inputs it reads (``first_model``: the chain's model of generation 0). ``chance``: for an accuracy, what a useless model
    scores; None for a distance, whose null is measured.
    ``compute``: ``"module:function"``, called with `MetricInputs`, giving a float.

    ``requires``: modules that must be importable, with ``extra`` the one that brings them. A metric that requires some is
    measured only where a suite names it, so that what a suite measures does not depend on what is installed. ``takes``: what
    follows a colon in the name, such as the task of ``lm-eval:<task>``; a suite names it with an ``argument``, which ``compute``
    is then given second. ``named_only``: likewise measured only where a suite names it, because it needs what not all data has.
    ``check``: ``"module:function"``, called with the adapter, its data loaded, and with the argument if there is one, before
    anything is trained; raises UserError for what would fail in every generation.
    """

    name: str
    summary: str
    better: Literal["lower", "higher", "target"]
    unit: str
    valid: tuple[float, float]
    least_n: int
    needs: tuple[Needs, ...]
    compute: str
    target: float | None = None
    chance: float | None = None
    requires: tuple[str, ...] = ()
    extra: str | None = None
    takes: str | None = None
    argument: str | None = None
    named_only: bool = False
    check: str | None = None

    @property
    def by_default(self) -> bool:
        """Whether it is measured where a suite names no metrics."""
        return not (self.named_only or self.requires or self.takes)

    def missing(self) -> str | None:
        """Say what must be installed before it can be measured, or None."""
        return _missing(self.requires, self.extra)

    def of(self, argument: str) -> "Metric":
        """Give the metric of one argument, named ``name:argument``. Raises UserError when it takes none, or it is empty."""
        if self.takes is None or not argument:
            takes = f"what follows a colon, as in {self.name}:<{self.takes}>" if self.takes else "nothing behind a colon"
            raise UserError(f"metric {self.name!r} takes {takes}")
        return replace(self, name=f"{self.name}:{argument}", argument=argument)

    def function(self) -> "Callable[[MetricInputs], float]":
        """Import the function that measures it. Raises UserError when an extra is not installed or an argument not given."""
        if missing := self.missing():
            raise UserError(f"metric {self.name!r} is unavailable: {missing}")
        if self.takes is None:
            function: Callable[[MetricInputs], float] = load_object(self.compute)
            return function
        if self.argument is None:
            self.of("")
        return partial(load_object(self.compute), argument=self.argument)

    def require(self, adapter: "Modality[object]") -> None:
        """Raise UserError when it can be seen already, of an adapter with its data, that it cannot be measured."""
        if missing := self.missing():
            raise UserError(f"metric {self.name!r} is unavailable: {missing}")
        if self.check is not None:
            load_object(self.check)(adapter, *(() if self.argument is None else (self.argument,)))
