"""What a metric declares of itself, without importing torch: its direction, unit, range, and where the code is."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

from fortifai.errors import UserError
from fortifai.needs import missing_modules
from fortifai.registry import load_object

if TYPE_CHECKING:
    from fortifai.contract.metric_inputs import MetricInputs
    from fortifai.contract.modality import AnyModality

Input = Literal["real", "synthetic", "train", "model", "first_model"]
"""What a metric may read; ``first_model`` is the chain's model of generation 0, which is then kept."""

Direction = Literal["lower", "higher", "target"]


@dataclass(frozen=True, kw_only=True)
class Metric:
    """A declared measurement of one generation.

    Attributes:
        compute: ``"module:function"``, called with `MetricInputs`, returning a float; the function itself where the metric is
            declared in a file of the user's own.
        summary: One line for `fortifai list`.
        better: The direction, or "target" for a value that is best at ``target``.
        unit: Shown beside the value.
        valid: The closed range of possible values.
        reads: The inputs that ``compute`` looks at.
        name: By default that of the function.
        never_above: Names of other metrics of the modality that this one is never above, as a mean is never above the worst:
            published numbers are held against it.
        least_n: The fewest synthetic samples that it means anything for.
        target: The best value of a metric that is better at a target.
        chance: For an accuracy, what a useless model scores; None for a distance, whose null is measured.
        requires: Modules that must be importable. A metric that requires some is measured only where a suite names it, so that
            what a suite measures does not depend on what is installed.
        extra: The extra of ``pip install fortifai[extra]`` that brings them.
        takes: What follows a colon in the name, such as the task of ``lm-eval:<task>``; a suite names such a metric with an
            ``argument``, which ``compute`` is then given by that name.
        named_only: Measured only where a suite names it, because it reads what not all data has.
        modalities: Of a metric that a package beside an adapter's brings: the modalities it is for; empty: all.
        check: ``"module:function"``, called with the adapter, and with the argument if there is one, before anything is trained;
            raises UserError for what would fail in every generation.
    """

    compute: "str | Callable[[MetricInputs[Any, Any]], float]"
    summary: str
    better: Direction
    unit: str
    valid: tuple[float, float]
    reads: tuple[Input, ...]
    name: str = ""
    never_above: tuple[str, ...] = ()
    least_n: int = 1
    target: float | None = None
    chance: float | None = None
    requires: tuple[str, ...] = ()
    extra: str | None = None
    takes: str | None = None
    argument: str | None = None
    named_only: bool = False
    modalities: tuple[str, ...] = ()
    check: str | None = None

    def __post_init__(self) -> None:
        if not self.name:
            name = self.compute.partition(":")[2] if isinstance(self.compute, str) else self.compute.__name__
            object.__setattr__(self, "name", name)

    @property
    def by_default(self) -> bool:
        """Whether it is measured where a suite names no metrics."""
        return not (self.named_only or self.requires or self.takes)

    def missing(self) -> str | None:
        """Return what must be installed before it can be measured, or None."""
        return missing_modules(self.requires, self.extra)

    def with_argument(self, argument: str) -> "Metric":
        """Return the metric of one argument, named ``name:argument``. Raises UserError if it takes none, or it is empty."""
        if self.takes is None or not argument:
            takes = f"what follows a colon, as in {self.name}:<{self.takes}>" if self.takes else "nothing behind a colon"
            raise UserError(f"metric {self.name!r} takes {takes}")
        return replace(self, name=f"{self.name}:{argument}", argument=argument)

    def function(self) -> "Callable[[MetricInputs[Any, Any]], float]":
        """Import the function that measures it. Raises UserError if an extra is not installed or an argument is missing."""
        self._require_installed()
        function: Callable[..., float] = load_object(self.compute) if isinstance(self.compute, str) else self.compute
        if self.takes is None:
            return function
        if self.argument is None:
            self.with_argument("")
        return partial(function, argument=self.argument)

    def require(self, adapter: "AnyModality") -> None:
        """Raise UserError if this adapter's data, or what is not installed, already rules the metric out."""
        self._require_installed()
        if self.check is not None:
            load_object(self.check)(adapter, *(() if self.argument is None else (self.argument,)))

    def _require_installed(self) -> None:
        if missing := self.missing():
            raise UserError(f"metric {self.name!r} is unavailable: {missing}")
