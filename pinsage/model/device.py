"""Where torch computes; no part of any fingerprint."""

from __future__ import annotations

import torch


def choose_device(name: str) -> torch.device:
    """The device that ``resources.device`` asks for.

    Args:
        name: ``auto`` (CUDA when there is one), ``cpu`` or ``cuda``.

    Raises:
        RuntimeError: ``cuda`` is asked for and there is none.
    """
    if name == "cuda" and not torch.cuda.is_available():
        raise RuntimeError(
            "resources.device=cuda: torch finds no CUDA device; install a CUDA build of torch and check the driver, "
            "or set resources.device to auto or cpu"
        )
    return torch.device("cuda" if name != "cpu" and torch.cuda.is_available() else "cpu")
