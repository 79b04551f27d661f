"""What clips sound like, without a network: spectra, pitch, brightness, loudness and silence.

N clips, T frames of a clip, M bands, L samples of a waveform.
"""

import math

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import wasserstein_distance
from torch import Tensor
from torchaudio.functional import detect_pitch_frequency

from fortifai.contract.metric_inputs import MetricInputs

from ..spectrogram import BANDS, HOP, RATE, decibels
from .view import AudioAdapter, real_frames, real_sound, synthetic_frames, synthetic_sound

QUIET_DB = -20.0
"""A frame whose loudest band is below this is silent: some 45 dB below the loudest of a clip."""

LOWEST_PITCH, HIGHEST_PITCH = 60, 400
"""In Hz: of voices of men, women and children."""

VOICED = 0.3
"""Share of the loudest frame's amplitude above which a frame is listened to for its pitch."""

SMOOTHED = 9
"""Frames that a pitch is the median of."""


def spectral_distance(inputs: MetricInputs[AudioAdapter]) -> float:
    """Return the log-spectral distance between the mean synthetic and the mean held-out real clip, in dB, >= 0.

    The root mean square difference over times and bands, of levels in dB averaged over clips. 0 for equal means, however
    different single clips are.
    """
    real = inputs.once("mean clip", lambda: decibels(real_frames(inputs)).double().mean(0))
    return float((decibels(synthetic_frames(inputs)).double().mean(0) - real).square().mean().sqrt())


def energy_w1(inputs: MetricInputs[AudioAdapter]) -> float:
    """Return the Wasserstein-1 distance between the loudness of synthetic and of held-out real clips, in dB, >= 0."""
    real = inputs.once("loudness", lambda: loudness(real_frames(inputs)))
    return float(wasserstein_distance(loudness(synthetic_frames(inputs)), real))


def centroid_w1(inputs: MetricInputs[AudioAdapter]) -> float:
    """Return the Wasserstein-1 distance between the spectral centroids of synthetic and of held-out real clips, in Hz, >= 0."""
    real = inputs.once("centroids", lambda: centroids(real_frames(inputs)))
    return float(wasserstein_distance(centroids(synthetic_frames(inputs)), real))


def pitch_w1(inputs: MetricInputs[AudioAdapter]) -> float:
    """Return the Wasserstein-1 distance between the pitches of synthetic and of held-out real clips, in Hz, >= 0.

    Of the first 100 of each, as sound that was made of frames, real ones too: what is lost on that way is lost on both sides. A
    clip without a voice has no pitch and is left out; NaN where none has one.
    """
    real = inputs.once("pitches", lambda: pitches(real_sound(inputs)))
    synthetic = pitches(synthetic_sound(inputs))
    return float(wasserstein_distance(synthetic, real)) if len(real) and len(synthetic) else math.nan


def silence(inputs: MetricInputs[AudioAdapter]) -> float:
    """Return the share of silent frames in synthetic clips, relative to held-out real ones: >= 0, 1 = as silent.

    NaN where no real frame is silent.
    """
    real = inputs.once("silence", lambda: silent_share(real_frames(inputs)))
    return silent_share(synthetic_frames(inputs)) / real if real else math.nan


def silent_share(frames: Tensor) -> float:
    """Return the share of frames, (N, T, M) in [0, 1], whose loudest band is below -20 dB: in [0, 1]."""
    return float((decibels(frames).amax(2) < QUIET_DB).double().mean())


def loudness(frames: Tensor) -> NDArray[np.float64]:
    """Return the mean power of each clip over times and bands, in dB, (N,), of frames (N, T, M) in [0, 1]."""
    loud: NDArray[np.float64] = (10 * _power(frames).mean((1, 2)).log10()).numpy()
    return loud


def centroids(frames: Tensor) -> NDArray[np.float64]:
    """Return the mean frequency of each clip, bands weighted by their power, in Hz, (N,), of frames (N, T, M) in [0, 1]."""
    by_band = _power(frames).sum(1)
    centred: NDArray[np.float64] = ((by_band * _frequencies()).sum(1) / by_band.sum(1)).numpy()
    return centred


def pitches(waveforms: Tensor) -> NDArray[np.float64]:
    """Return the median pitch of each clip that has one, in Hz, (at most N,), of waveforms (N, L), by torchaudio."""
    found = detect_pitch_frequency(waveforms, RATE, HOP / RATE, SMOOTHED, LOWEST_PITCH, HIGHEST_PITCH)
    level = waveforms[:, : found.shape[1] * HOP].unflatten(1, (-1, HOP)).square().mean(2).sqrt()
    voiced = (level > VOICED * level.amax(1, keepdim=True)) & (found < HIGHEST_PITCH)
    medians = [float(pitch[heard].median()) for pitch, heard in zip(found, voiced, strict=True) if bool(heard.any())]
    return np.array(medians, dtype=np.float64)


def _power(frames: Tensor) -> Tensor:
    return 10 ** (decibels(frames).double() / 10)


def _frequencies() -> Tensor:
    """Return the middle of every band in Hz, float64 (M,)."""
    top = 2595 * math.log10(1 + RATE / 2 / 700)  # the scale of HTK, which torchaudio's filters have
    middles = torch.linspace(0, top, BANDS + 2, dtype=torch.float64)[1:-1]
    return 700 * (10 ** (middles / 2595) - 1)
