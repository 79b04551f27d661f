"""Pictures of a score: fidelity, survival of the onset, FI by threshold, confidence. No torch; Matplotlib on first use."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fortifai.report.pictures import plot

__all__ = ["plot"]


def __getattr__(name: str) -> Any:
    if name == "plot":
        from fortifai.report.pictures import plot

        return plot
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
