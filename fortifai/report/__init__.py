"""The report of a run, and pictures of a score: fidelity, survival, FI by threshold, confidence. No torch; Matplotlib on use."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fortifai.report.page import report
    from fortifai.report.pictures import plot

__all__ = ["plot", "report"]


def __getattr__(name: str) -> Any:
    if name == "plot":
        from fortifai.report.pictures import plot

        return plot
    if name == "report":
        from fortifai.report.page import report

        return report
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
