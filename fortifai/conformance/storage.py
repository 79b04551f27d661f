"""Checks of saving and loading."""

from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from fortifai.conformance.check import NotApplicable, check, require
from fortifai.conformance.fresh import COMPARED
from fortifai.conformance.processes import in_fresh_process
from fortifai.conformance.subject import Subject, farthest, same_tensors
from fortifai.contract import checks

RUNS_CODE = (".pkl", ".pickle", ".pt", ".pth", ".bin", ".joblib", ".npy", ".npz")
"""Endings of files that are, or may be, pickles: to read one is to run it."""

SPARE_BYTES = 8192
"""What a header or a tokenizer may take beside the model."""


@check()
def a_model_is_loaded_as_it_was_saved(subject: Subject) -> None:
    """A model that is read back has the same likelihood and the same samples, and is fitted on to the same, to the last bit."""
    adapter = subject.adapter
    with TemporaryDirectory() as folder:
        adapter.save(subject.model, Path(folder))
        loaded = adapter.load_model(Path(folder))
    checks.check_reloaded(adapter, subject.model, loaded)
    test = adapter.splits.test
    off = farthest(subject.nll(subject.model, test), subject.nll(loaded, test))
    require(off == 0, "a loaded model with the likelihood of the one saved", f"one that differs by up to {off:.3g} nats")
    require(same_tensors(subject.own.data, subject.sample(loaded).data), "the same samples of a loaded model", "other samples")
    on, again = (subject.fit(init=model).model for model in (subject.model, loaded))
    off = farthest(subject.nll(on, test), subject.nll(again, test))
    require(off == 0, "the same fit from a loaded model", f"a likelihood that differs by up to {off:.3g} nats")


@check()
def a_model_is_loaded_in_a_fresh_process(subject: Subject) -> None:
    """A model that is read back by another process has the same likelihood there: all of it is in its folder."""
    here = subject.nll(subject.model, subject.adapter.splits.test.take(slice(COMPARED))).double().reshape(-1)
    there = torch.tensor(in_fresh_process(subject).nll, dtype=torch.float64)
    same = here.shape == there.shape and torch.allclose(here, there, rtol=1e-5, atol=1e-6, equal_nan=True)
    off = farthest(here, there)
    require(same, "the model that was saved, in a fresh process", f"a likelihood that differs by up to {off:.3g} nats")


@check()
def models_are_saved_without_pickle(subject: Subject) -> None:
    """A saved model is safetensors, JSON and text, which nothing is run by to read."""
    files = _saved(subject)
    unsafe = sorted(name for name in files if Path(name).suffix in RUNS_CODE)
    require(bool(files), "files in the model's folder", "none")
    require(not unsafe, "safetensors and JSON", ", ".join(unsafe))


@check()
def model_bytes_are_about_right(subject: Subject) -> None:
    """The size that the plan reckons with is that of a saved model, within a factor of two."""
    told = subject.adapter.model_bytes()
    if told is None:
        raise NotApplicable("the adapter does not say how large a saved model is")
    size = sum(_saved(subject).values())
    require(size / 2 - SPARE_BYTES <= told <= 2 * size + SPARE_BYTES, f"about {size} bytes, as a model has", told)


def _saved(subject: Subject) -> dict[str, int]:
    """Return the files of a saved model, by path within its folder, with their bytes."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        subject.adapter.save(subject.model, folder)
        return {str(path.relative_to(folder)): path.stat().st_size for path in folder.rglob("*") if path.is_file()}
