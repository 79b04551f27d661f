"""A fit that was stopped resumes from its last checkpoint, and ends as if it had not been stopped."""

import pytest
import torch
from text_support import adapter_of, fit, weights

from fortifai.modalities.text.model import checkpoint
from fortifai.objectives import Memory, OnlineTruncation

OF_A_GENERATION = OnlineTruncation().for_generation(
    [Memory(own_nll=nll, nll_without=tuple(nll + 0.1 * i for i in range(1, 7))) for nll in (1.0, 0.8)]
)
"""What `tce-online` is in one generation: an objective that no name resolves to."""


class Stopped(Exception):
    pass


@pytest.mark.parametrize("objective", ["ce", "tce-adaptive:alpha=1", OF_A_GENERATION], ids=str)
@pytest.mark.parametrize("rate", [3e-3, 0.3])  # 0.3 is far too fast: later epochs may be worse
@pytest.mark.parametrize("steps", [1, 6, 7, 12])  # 6 and 12: at the end of an epoch
def test_a_stopped_fit_ends_with_the_same_model(short_text, tmp_path, monkeypatch, objective, steps, rate):
    adapter = adapter_of(short_text, keep="validation_nll", learning_rate=rate)
    whole = fit(adapter, objective)
    monkeypatch.setattr(checkpoint, "SECONDS", 0.0)
    save, saved = checkpoint.Checkpoints.save, []

    def save_and_stop(self, folder, progress):
        save(self, folder, progress)
        saved.append(progress.step)
        if len(saved) == steps:
            raise Stopped

    monkeypatch.setattr(checkpoint.Checkpoints, "save", save_and_stop)
    with pytest.raises(Stopped):
        fit(adapter, objective, checkpoints=tmp_path / "fit")
    resumed = fit(adapter, objective, checkpoints=tmp_path / "fit")
    assert saved[steps:] == list(range(steps + 1, 13))  # 12 steps in all: it resumed, and did not begin again
    assert torch.equal(weights(resumed.model), weights(whole.model))
    assert (resumed.notes, resumed.masked_share) == (whole.notes, whole.masked_share)
