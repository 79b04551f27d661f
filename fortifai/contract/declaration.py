"""What a modality declares of itself, without importing torch: its classes, metrics and units, and where the code is."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fortifai.config import Frozen, ModelConfig
from fortifai.contract.metric import Metric
from fortifai.errors import UserError
from fortifai.needs import RUNNING, RUNNING_EXTRA, Need, missing_modules
from fortifai.registry import Registry, load_object

if TYPE_CHECKING:
    from fortifai.contract.modality import AnyModality


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
        units: What an objective may weigh as one, such as pixel and sample, where there is a choice; the first is the default.
        requires: Modules that must be importable, beside those that every chain needs.
        extra: The extra of ``pip install fortifai[extra]`` that brings them.
    """

    name: str
    version: str
    summary: str
    adapter: str
    config: str
    data: str
    sampling: str = "fortifai.config:Sampling"
    metrics: tuple[Metric, ...] = ()
    units: tuple[str, ...] = ()
    requires: tuple[str, ...] = ()
    extra: str | None = None

    def missing(self) -> str | None:
        """Return what must be installed before the adapter can run, or None."""
        return missing_modules(RUNNING, RUNNING_EXTRA) or missing_modules(self.requires, self.extra)

    def tables(self) -> dict[str, type[Frozen]]:
        """Import the classes of the three tables of a regime that are the adapter's own, by the table's name."""
        return {key: load_object(where) for key, where in
                (("model", self.config), ("data", self.data), ("sampling", self.sampling))}  # fmt: skip

    def needs(self, config: ModelConfig, data: Frozen) -> Sequence[Need]:
        """Return what such an adapter needs that not every machine has, and what of it is missing here; see `Modality.needs`."""
        return self._adapter().needs(config, data)

    def bind(self, config: ModelConfig, data: Frozen) -> "AnyModality":
        """Make the adapter, which loads its data.

        Raises:
            UserError: Something is not installed, or the data is missing or unusable.
        """
        # The declaration names the class and its configuration together, so that the arguments are of the types it asks for.
        make: type[AnyModality] = self._adapter()
        return make(config, data)  # type: ignore[arg-type]  # a subclass takes its data, from which it makes the splits

    def _adapter(self) -> "type[AnyModality]":
        if missing := self.missing():
            raise UserError(f"modality {self.name!r} is unavailable: {missing}")
        adapter: type[AnyModality] = load_object(self.adapter)
        return adapter


modalities: Registry[ModalityDeclaration] = Registry("modality", group="fortifai.modalities", instance_of=ModalityDeclaration)
"""Every installed adapter's declaration, by name."""
