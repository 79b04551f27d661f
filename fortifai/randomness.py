"""Named random streams: a number drawn for one purpose never depends on how many were drawn for another.

Every stream is a function of names alone, so a chain that resumes, or runs on another worker, draws the same numbers.
"""

import hashlib

import torch


def stream(*names: str | int) -> torch.Generator:
    """Return a fresh CPU generator for a purpose, such as ``stream(seed, "fit", generation)``."""
    return torch.Generator().manual_seed(seed_of(*names))


def seed_of(*names: str | int) -> int:
    """Return a 63-bit seed for a purpose: the same names, the same seed, on every machine and Python version."""
    text = "/".join(f"{type(name).__name__}:{name}" for name in names)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def integer_seed(rng: torch.Generator) -> int:
    """Return a 32-bit seed, drawn from a stream, for a library that takes an integer."""
    return int(torch.randint(2**32 - 1, (), generator=rng))
