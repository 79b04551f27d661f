"""What is sent in: an entry made from a run, held against its suite and against what stands, and run again in part."""

from fortifai.entries.checking import check
from fortifai.entries.submitting import submit

__all__ = ["check", "submit"]
