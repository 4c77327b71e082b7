"""The choice of the device, on whatever this machine has."""

from __future__ import annotations

import pytest
import torch

from pinsage.model.device import choose_device


def test_cpu_is_always_cpu_and_auto_is_what_there_is() -> None:
    assert choose_device("cpu").type == "cpu"
    assert choose_device("auto").type == ("cuda" if torch.cuda.is_available() else "cpu")


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a CUDA device")
def test_cuda_without_a_device_is_refused() -> None:
    with pytest.raises(RuntimeError, match="resources.device"):
        choose_device("cuda")
