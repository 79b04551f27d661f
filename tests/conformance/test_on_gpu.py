"""Every adapter on a GPU, in the small example of its declaration: the likelihood of the CPU, and no more memory than planned.

Skipped where torch finds no GPU. Nothing here is about one modality: those are taken whose configuration has a device.
"""

from pathlib import Path

import pytest
import torch
from torch import Tensor

from fortifai.conformance.subject import Subject, setting_of
from fortifai.contract.declaration import modalities
from fortifai.planning.cost import DRAWN_COPIES, PROCESS_BYTES, WORKING_COPIES

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="torch finds no GPU"),
]

DEVICE = "cuda:0"

LAYERS, PRODUCTS = 4, 4096
"""More than any example has: layers behind one another, and products that are summed in one of their outputs."""

FLOAT32 = LAYERS * PRODUCTS * 2**-24
"""Of a sum of n products in float32, in whatever order, the relative error is at most n u / (1 - n u), u = 2^-24 (Higham,
Accuracy and Stability of Numerical Algorithms, 2002, section 3.1); a layer's error is passed on by the next."""

BFLOAT16 = LAYERS * 2 * 2**-8
"""Likewise where both factors are rounded to the 8 significant bits of bfloat16, u = 2^-8, and summed in float32: of a mean."""


def has(name: str, field: str) -> bool:
    declaration = modalities.get(name)
    return declaration.missing() is None and field in declaration.tables()["model"].model_fields


ON_DEVICE = [name for name in modalities if has(name, "device")]
IN_BFLOAT16 = [name for name in ON_DEVICE if has(name, "precision")]


def subject(name: str, device: str, precision: str = "float32") -> Subject:
    settings = [f"model.device={device}", *([f"model.precision={precision}"] if name in IN_BFLOAT16 else [])]
    declaration = modalities.get(name)
    return Subject(declaration, setting_of(declaration, settings))


@pytest.fixture(autouse=True)
def exact_convolutions(monkeypatch: pytest.MonkeyPatch) -> None:
    """Convolve in float32: by default a GPU rounds their factors to the 11 bits of TF32."""
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)


@pytest.fixture
def reference(request: pytest.FixtureRequest, tmp_path: Path, brief_classifiers: None) -> tuple[str, Subject, Path]:
    """A modality, its example on the CPU, and the folder of a model that was fitted there."""
    on_cpu = subject(request.param, "cpu")
    on_cpu.adapter.save(on_cpu.model, tmp_path)
    return request.param, on_cpu, tmp_path


def nll(of: Subject, folder: Path) -> Tensor:
    return of.nll(of.adapter.load_model(folder), of.adapter.splits.test).double()


@pytest.mark.parametrize("reference", ON_DEVICE, indirect=True)
def test_a_gpu_finds_the_likelihood_that_the_cpu_finds(reference: tuple[str, Subject, Path]) -> None:
    name, on_cpu, folder = reference
    expected, found = nll(on_cpu, folder), nll(subject(name, DEVICE), folder)
    assert found.device.type == "cpu"
    torch.testing.assert_close(found, expected, rtol=FLOAT32, atol=FLOAT32 * float(expected.abs().mean()))


@pytest.mark.parametrize("reference", IN_BFLOAT16, indirect=True)
def test_bfloat16_moves_the_mean_likelihood_by_no_more_than_its_rounding(reference: tuple[str, Subject, Path]) -> None:
    name, on_cpu, folder = reference
    expected, found = nll(on_cpu, folder), nll(subject(name, DEVICE, "bfloat16"), folder)
    assert found.mean() == pytest.approx(float(expected.mean()), abs=BFLOAT16 * float(expected.abs().mean()))


@pytest.mark.parametrize("name", ON_DEVICE)
def test_a_fit_takes_no_more_of_the_gpu_than_the_plan_says_of_memory(name: str, brief_classifiers: None) -> None:
    on_gpu = subject(name, DEVICE)
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    own = on_gpu.own  # fits and samples
    assert bool(torch.isfinite(on_gpu.nll(on_gpu.model, own)).all())
    training, model = on_gpu.training.nbytes(), on_gpu.adapter.model_bytes() or 0
    planned = PROCESS_BYTES + WORKING_COPIES * (training + model) + DRAWN_COPIES * (on_gpu.adapter.draws - 1) * training
    assert torch.cuda.max_memory_allocated() - before <= planned
