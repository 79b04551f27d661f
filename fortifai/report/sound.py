"""Sounds of a report: which files a page can play."""

import wave
from pathlib import Path

LARGEST_BYTES = 2**18
"""Of a file that is part of the page: a quarter of a megabyte, 16 s at 8 kHz. A larger one is a link."""


def is_playable(path: Path) -> bool:
    """Return whether a file is a WAV file with sound in it, PCM, and small enough to be part of a page."""
    try:
        if path.stat().st_size > LARGEST_BYTES:
            return False
        with wave.open(str(path), "rb") as sound:
            return sound.getnframes() > 0
    except (OSError, EOFError, wave.Error):
        return False
