"""Whether what was asked for is what is heard: by the classifier of the pool, and by a recogniser that nobody trained here."""

import math
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torchaudio.functional import resample

from fortifai.contract.metric_inputs import MetricInputs
from fortifai.errors import UserError

from ...image.metrics import features_of
from ..spectrogram import RATE
from ..tokens.adapter import TokensAdapter
from .view import HEARD, synthetic_sound

if TYPE_CHECKING:
    from pocketsphinx import Decoder

RECOGNISER_RATE = 16_000
SILENCE = RECOGNISER_RATE // 5
"""Samples before and after a word: the recogniser waits for some silence."""


def digit_accuracy(inputs: MetricInputs[TokensAdapter]) -> float:
    """Return the share of clips in which the classifier of the pool hears the label that the clip began with, in [0, 1].

    Chance is one over the number of labels. NaN where the source does not say what is said.
    """
    adapter = inputs.adapter
    classifier = adapter.view.classifier
    if classifier is None:
        return math.nan
    heard = features_of.once_each(classifier.predict, adapter.pictures(inputs.synthetic.data))
    return float((heard == adapter.asked(inputs.synthetic.data)).double().mean())


def word_accuracy(inputs: MetricInputs[TokensAdapter]) -> float:
    """Return the share of the first 100 clips in which PocketSphinx recognises the word that was asked for, in [0, 1].

    Its model of American English chooses among the labels of the data. It was trained on people at 16 kHz: of real clips of
    spoken-digits, made into sound from their frames, it recognises some 60 %.
    """
    names, data = inputs.adapter.clips.classes, inputs.synthetic.data
    decoder = _decoder(names)  # a new one each time: it adapts to what it has heard
    recognised = [_recognised(decoder, waveform) for waveform in synthetic_sound(inputs)]
    asked = [names[label] if label >= 0 else "" for label in inputs.adapter.asked(data)[:HEARD].tolist()]
    return sum(word == wanted for word, wanted in zip(recognised, asked, strict=True)) / len(asked)


def require_words(adapter: TokensAdapter) -> None:
    """Raise UserError where labels are missing or are no words that the recogniser knows."""
    names = adapter.clips.classes
    if not names:
        raise UserError("metric 'word_accuracy' needs labels, and this source does not say what is said")
    unknown = [name for name in names if _decoder(()).lookup_word(name) is None]
    if unknown:
        raise UserError(f"metric 'word_accuracy': the recogniser does not know {', '.join(unknown)}")


def _decoder(names: Sequence[str]) -> "Decoder":
    from pocketsphinx import Decoder, get_model_path

    settings = {
        "hmm": get_model_path("en-us/en-us"),
        "dict": get_model_path("en-us/cmudict-en-us.dict"),
        "lm": None,
        "samprate": RECOGNISER_RATE,
        "loglevel": "FATAL",
    }
    if not names:
        return Decoder(**settings)
    with tempfile.TemporaryDirectory() as folder:
        grammar = Path(folder, "words.jsgf")
        grammar.write_text(f"#JSGF V1.0;\ngrammar words;\npublic <word> = {' | '.join(names)};\n")
        return Decoder(jsgf=str(grammar), **settings)


def _recognised(decoder: "Decoder", waveform: Tensor) -> str | None:
    """Return the word in a waveform, float32 (L,) in [-1, 1], or None."""
    sound = torch.nn.functional.pad(resample(waveform, RATE, RECOGNISER_RATE), (SILENCE, SILENCE)).clamp(-1, 1)
    decoder.start_utt()
    decoder.process_raw((sound * (2**15 - 1)).short().numpy().tobytes(), full_utt=True)
    decoder.end_utt()
    found = decoder.hyp()
    return None if found is None else str(found.hypstr)
