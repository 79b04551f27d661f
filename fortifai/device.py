"""Where a model runs: the device that a configuration names, the type that its products are computed in, and one thread."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from fortifai.errors import UserError

if TYPE_CHECKING:
    import torch

DeviceName = Annotated[
    str, Field(pattern=r"^(auto|cpu|cuda(:\d+)?)$", description="where it runs; auto takes cuda where there is one")
]
"""The type of a configuration's ``device`` field: ``device: Runtime[DeviceName] = "auto"``. Imports no torch."""


def device_of(name: str) -> "torch.device":
    """Return the device of this name; ``auto`` is cuda where there is one, and otherwise the CPU.

    Raises:
        UserError: A CUDA device is named, and this machine has none.
    """
    import torch

    available = torch.cuda.is_available()
    if name.startswith("cuda") and not available:
        raise UserError(f"device {name!r} is not available on this machine; use auto or cpu")
    return torch.device(name if name != "auto" else "cuda" if available else "cpu")


@contextmanager
def one_thread() -> Iterator[None]:
    """Compute with one torch thread, as every worker does: the last bits of sums depend on how many there are."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def product_type(precision: str, device: "torch.device") -> "torch.dtype":
    """Return the type that products are computed in on a device.

    Args:
        precision: ``float32``, ``bfloat16``, ``float16``, or ``auto``: bfloat16 on a GPU that has it, otherwise float32.
        device: Where they are computed.
    """
    import torch

    if precision != "auto":
        named: torch.dtype = getattr(torch, precision)
        return named
    able = device.type == "cuda" and torch.cuda.is_bf16_supported()
    return torch.bfloat16 if able else torch.float32
