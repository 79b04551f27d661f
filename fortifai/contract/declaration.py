"""What a modality declares of itself, without importing torch: its classes, metrics and elements, and where the code is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from fortifai.config import Frozen, ModelConfig
from fortifai.contract.metric import Metric
from fortifai.errors import BrokenAdapter, UserError
from fortifai.needs import RUNNING, RUNNING_EXTRA, Need, missing_modules
from fortifai.objectives.base import Elements
from fortifai.registry import Registry, load_object

if TYPE_CHECKING:
    from fortifai.contract.modality import AnyModality


GROUP = "fortifai.modalities"
"""Entry points of this group name a `ModalityDeclaration` each."""


@dataclass(frozen=True, kw_only=True)
class Example:
    """The smallest setting in which an adapter shows what it can do; `fortifai check-adapter` checks it there, in seconds.

    Attributes:
        model: Keys of a regime's table ``model``, those that are not the defaults; likewise ``data`` and ``sampling``.
        data: Which data.
        sampling: How a model is read out.
        n: Samples that a model is fitted to: enough for two fits to differ by more than chance.
        metric: What a fit has to beat the null by; default: the first of the modality's that suites can be scored by.
    """

    model: Mapping[str, object] = field(default_factory=dict)
    data: Mapping[str, object] = field(default_factory=dict)
    sampling: Mapping[str, object] = field(default_factory=dict)
    n: int = 200
    metric: str | None = None


@dataclass(frozen=True, kw_only=True)
class ModalityDeclaration:
    """What an entry point of group ``fortifai.modalities`` names.

    Attributes:
        name: What suites call it.
        version: Raised when the same configuration gives other numbers; part of every chain id.
        summary: One line for `fortifai list`.
        adapter: ``"module:Class"``, the `Modality` subclass.
        config: ``"module:Class"``, a `ModelConfig` that imports no torch; likewise ``data``, a `Frozen`, and ``sampling``.
        data: Which data, and how it is split.
        sampling: How a model is read out, a `Sampling`.
        metrics: The modality's own metrics.
        elements: What an objective may weigh as one, such as pixel and sample, and on which scales its confidence is.
        requires: Modules that must be importable, beside those that every chain needs.
        extra: The extra of ``pip install fortifai[extra]`` that brings them.
        example: The small setting that the adapter is checked in.
        expected_failures: Names of checks of `fortifai check-adapter` that the adapter fails, each with the reason.
    """

    name: str
    version: str
    summary: str
    adapter: str
    config: str
    data: str
    sampling: str = "fortifai.config:Sampling"
    metrics: tuple[Metric, ...] = ()
    elements: Elements = field(default_factory=Elements)
    requires: tuple[str, ...] = ()
    extra: str | None = None
    example: Example = field(default_factory=Example, hash=False)
    expected_failures: Mapping[str, str] = field(default_factory=dict, hash=False)

    def missing(self) -> str | None:
        """Return what must be installed before the adapter can run, or None."""
        return missing_modules(RUNNING, RUNNING_EXTRA) or missing_modules(self.requires, self.extra)

    def tables(self) -> dict[str, type[Frozen]]:
        """Import the classes of the three tables of a regime that are the adapter's own, by the table's name.

        Raises:
            UserError: One of them cannot be imported, or is none.
        """
        where = {"model": self.config, "data": self.data, "sampling": self.sampling}
        return {key: self._class(f"class of its table {key!r}", reference) for key, reference in where.items()}

    def needs(self, config: ModelConfig, data: Frozen) -> Sequence[Need]:
        """Return what such an adapter needs that not every machine has, and what of it is missing here; see `Modality.needs`.

        Raises:
            UserError: Something is not installed, or the adapter cannot be imported.
        """
        return self._adapter().needs(config, data)

    def bind(self, config: ModelConfig, data: Frozen) -> "AnyModality":
        """Make the adapter, which loads its data.

        Raises:
            UserError: Something is not installed, the adapter cannot be imported, or the data is missing or unusable.
        """
        # The declaration names the class and its configuration together, so that the arguments are of the types it asks for.
        make: type[AnyModality] = self._adapter()
        return make(config, data)  # type: ignore[arg-type]  # a subclass takes its data, from which it makes the splits

    def _adapter(self) -> "type[AnyModality]":
        if missing := self.missing():
            raise UserError(f"modality {self.name!r} is unavailable: {missing}")
        adapter: type[AnyModality] = self._class("adapter", self.adapter)
        for fact in ("density", "implicit"):
            answered, declared = getattr(adapter, fact), getattr(self.elements, fact)
            if answered != declared:
                raise BrokenAdapter(
                    f"{adapter.__name__}.{fact} is {answered}, and the declaration of modality {self.name!r} says "
                    f"Elements({fact}={declared}): both should be the same"
                )
        return adapter

    def _class(self, what: str, reference: str) -> Any:
        """Import a class of the modality's. Raises UserError, caused by whatever its module raised."""
        module, _, name = reference.partition(":")
        where = f"modality {self.name!r} (entry point of {GROUP}) is unavailable: its {what}, {name} of module {module!r},"
        try:
            loaded: object = load_object(reference)
        except Exception as error:  # whatever a third party's module raises while it is imported
            raise UserError(f"{where} cannot be imported: {type(error).__name__}: {error}") from error
        if not isinstance(loaded, type):
            raise UserError(f"{where} is not a class: got {loaded!r}")
        return loaded


modalities: Registry[ModalityDeclaration] = Registry("modality", group=GROUP, instance_of=ModalityDeclaration)
"""Every installed adapter's declaration, by name."""
