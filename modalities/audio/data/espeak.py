"""Speaks words by eSpeak NG. A script of its own, run by `speech`: the library's sound depends on what it said before.

It reads a list of [voice, speed, pitch, word] from stdin, as JSON, and writes to stdout an .npz of ``rate``, samples a second, of
``samples``, int16, all utterances one behind the other, and of ``lengths``, samples of each.
"""

import ctypes
import json
import sys
from collections.abc import Callable

import espeakng_loader
import numpy as np
from numpy.typing import NDArray

SYNCHRONOUS = 2
BUFFER_MS = 1000
SPEED, PITCH = 1, 3
CHARACTERS, UTF_8 = 1, 1
CALLBACK = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)
"""What eSpeak NG calls with some sound: its samples, how many there are, and events; 0 goes on."""
SEED = 1
"""Of breath and whispering, which are noise."""


def speak(utterances: list[tuple[str, int, int, str]], write: Callable[[NDArray[np.int16]], None]) -> int:
    """Speak utterances, in order.

    Args:
        utterances: Voice, speed in words a minute, pitch in 0 ... 99, and word of each.
        write: Called with the sound of each, int16 (n,).

    Returns:
        Samples a second.
    """
    library = ctypes.CDLL(espeakng_loader.get_library_path())
    rate = int(library.espeak_Initialize(SYNCHRONOUS, BUFFER_MS, str(espeakng_loader.get_data_path()).encode(), 0))
    parts: list[NDArray[np.int16]] = []

    def keep(wave: "ctypes._Pointer[ctypes.c_short]", count: int, _: int) -> int:
        if wave and count > 0:
            parts.append(np.ctypeslib.as_array(wave, (count,)).astype(np.int16))
        return 0

    callback = CALLBACK(keep)  # has to live as long as it is called
    library.espeak_SetSynthCallback(callback)
    library.espeak_ng_SetRandSeed(ctypes.c_long(SEED))  # it is seeded by the clock otherwise
    for voice, speed, pitch, word in utterances:
        parts.clear()
        if library.espeak_SetVoiceByName(voice.encode()):
            raise ValueError(f"this eSpeak NG has no voice {voice!r}")
        library.espeak_SetParameter(SPEED, speed, 0)
        library.espeak_SetParameter(PITCH, pitch, 0)
        text = word.encode() + b"\0"
        library.espeak_Synth(text, len(text), 0, CHARACTERS, 0, UTF_8, None, None)
        library.espeak_Synchronize()
        write(np.concatenate(parts))
    return rate


def main() -> None:
    """Speak what stdin lists, and write it to stdout."""
    spoken: list[NDArray[np.int16]] = []
    rate = speak([tuple(each) for each in json.load(sys.stdin)], spoken.append)
    lengths = np.array([len(each) for each in spoken])
    np.savez(sys.stdout.buffer, rate=np.array(rate), samples=np.concatenate(spoken), lengths=lengths)


if __name__ == "__main__":
    main()
