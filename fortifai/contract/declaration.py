"""What a modality and a metric say about themselves, without importing torch: names, units, and where the code is."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from fortifai.config import ModelConfig
from fortifai.contract.metric import Metric
from fortifai.errors import UserError
from fortifai.needs import _missing
from fortifai.registry import Registry, load_object

if TYPE_CHECKING:
    from fortifai.contract.modality import Modality


@dataclass(frozen=True)
class ModalityDeclaration:
    """What an entry point of group ``fortifai.modalities`` names.

    ``requires``: modules that must be importable, with ``extra`` the one of ``pip install fortifai[extra]`` that brings them.
    ``config``, ``data`` and ``sampling``: ``"module:Class"`` references to Frozen configuration classes that import no torch.
    ``adapter``: the reference to the `Modality` subclass. ``metrics``: the modality's own metrics.
    ``units``: what an objective may weigh as one, such as pixel and sample, where there is a choice; the first is the default.
    """

    name: str
    version: str
    summary: str
    adapter: str
    config: str
    data: str
    sampling: str
    metrics: tuple[Metric, ...] = ()
    units: tuple[str, ...] = ()
    requires: tuple[str, ...] = ()
    extra: str | None = None

    def missing(self) -> str | None:
        """Say what must be installed before the adapter can run, or None."""
        return _missing(self.requires, self.extra)

    def build(self, config: ModelConfig) -> "Modality[object]":
        """Import the adapter and give it its configuration. Raises UserError when something is not installed."""
        if missing := self.missing():
            raise UserError(f"modality {self.name!r} is unavailable: {missing}")
        adapter: Modality[object] = load_object(self.adapter)(config)
        return adapter


modalities: Registry[ModalityDeclaration] = Registry("modality", group="fortifai.modalities", of=ModalityDeclaration)
"""Every installed adapter's declaration, by name."""
