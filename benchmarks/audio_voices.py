"""What the metrics of voices say where some voices are missing.

``python benchmarks/audio_voices.py`` prints `voice_variety` and `voice_kad` against held-out clips of spoken-digits, of 100
training clips and of the few among them whose voices are nearest to the first one's, each as often as it takes to be 100 again.
Needs the extra audio, and ``pip install --no-deps resemblyzer``.
"""

import torch

from fortifai.contract.metric_inputs import MetricInputs
from fortifai.contract.samples import Samples
from fortifai.modalities.audio.config import AudioData
from fortifai.modalities.audio.mel.adapter import MelAdapter
from fortifai.modalities.audio.metrics.voices import voice_kad, voice_variety, voices_in
from fortifai.modalities.audio.spectrogram import waveforms_of
from fortifai.modalities.image.vae.config import VAEConfig

CLIPS = 100
KEPT = (100, 50, 25, 10, 1)


def main() -> None:
    adapter = MelAdapter(VAEConfig(), AudioData())
    clips = adapter.splits.train.take(torch.arange(CLIPS))
    voices = voices_in(waveforms_of(adapter.frames(clips.data)))
    nearest = torch.cdist(voices[:1], voices)[0].argsort()
    print("voices  variety  kad")
    for kept in KEPT:
        few: Samples = clips.take(nearest[:kept].repeat(CLIPS // kept))
        inputs = MetricInputs(adapter, few)
        print(f"{kept:6}  {voice_variety(inputs):7.2f}  {voice_kad(inputs):6.3f}")


if __name__ == "__main__":
    main()
