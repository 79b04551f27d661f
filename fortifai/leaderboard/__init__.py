"""The pages that are published: a ranked table for each suite, and how to reproduce it. Imports no torch."""

from fortifai.leaderboard.build import build

__all__ = ["build"]
