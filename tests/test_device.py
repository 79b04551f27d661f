"""The device that a configuration names, and the type of its products."""

import pytest
import torch
from pydantic import ValidationError

from fortifai.config import ModelConfig, Runtime
from fortifai.device import DeviceName, device_of, product_type
from fortifai.errors import UserError


class Config(ModelConfig):
    device: Runtime[DeviceName] = "auto"


@pytest.mark.parametrize(("cuda", "auto"), [(True, "cuda"), (False, "cpu")])
def test_auto_takes_cuda_where_there_is_one(monkeypatch, cuda, auto):
    monkeypatch.setattr("torch.cuda.is_available", lambda: cuda)
    assert device_of("auto") == torch.device(auto)
    assert device_of("cpu") == torch.device("cpu")


def test_a_device_that_is_not_there_is_refused_with_what_to_use(monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(UserError, match="device 'cuda:1' is not available on this machine; use auto or cpu"):
        device_of("cuda:1")
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    assert device_of("cuda:1") == torch.device("cuda", 1)


@pytest.mark.parametrize("name", ["auto", "cpu", "cuda", "cuda:0", "cuda:12"])
def test_a_configuration_takes_the_names_of_devices(name):
    assert Config(device=name).device == name


@pytest.mark.parametrize("name", ["gpu", "cuda:", "CPU", "mps", ""])
def test_a_configuration_takes_nothing_else(name):
    with pytest.raises(ValidationError, match="device"):
        Config(device=name)


def test_products_are_bfloat16_by_default_on_a_gpu_that_has_it(monkeypatch):
    cpu, cuda = torch.device("cpu"), torch.device("cuda")
    for able, expected in ((True, torch.bfloat16), (False, torch.float32)):
        monkeypatch.setattr("torch.cuda.is_bf16_supported", lambda able=able: able)
        assert product_type("auto", cuda) is expected
        assert product_type("auto", cpu) is torch.float32
    assert product_type("float16", cpu) is torch.float16
    assert product_type("bfloat16", cpu) is torch.bfloat16
    assert product_type("float32", cuda) is torch.float32
