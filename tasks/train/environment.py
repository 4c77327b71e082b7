"""The environment of a training process: what decides a bit of the model is set, whatever the task's own says."""

from __future__ import annotations

import os
from collections.abc import Mapping

import structlog

PINNED = {
    # Threads sleep while they wait: spinning, beside other work on the same 2 cores, made a step of the demo cost 0.6 s
    # instead of 0.16 s.
    "OMP_WAIT_POLICY": "PASSIVE",
    # Sums in one order, whatever the number of threads and where memory lies; one set of instructions, that any
    # processor of the last ten years has. No slower: a step is bound by memory.
    "MKL_CBWR": "AVX2,STRICT",
    "ATEN_CPU_CAPABILITY": "avx2",
}
"""What every training process finds in its environment."""

# They choose other instructions or fewer bits; how many threads there are is no matter of results.
ALTERING = (
    "MKL_",
    "ATEN_",
    "ONEDNN_",
    "DNNL_",
    "OPENBLAS_CORETYPE",
    "NPY_DISABLE_CPU_FEATURES",
    "NPY_ENABLE_CPU_FEATURES",
    "NVIDIA_TF32_OVERRIDE",
    "TORCH_ALLOW_TF32_CUBLAS_OVERRIDE",
)
HARMLESS = ("MKL_NUM_THREADS", "MKL_DYNAMIC", "MKL_VERBOSE", "ONEDNN_VERBOSE", "DNNL_VERBOSE")

log = structlog.get_logger()


class TrainingEnvironmentError(RuntimeError):
    """A training process was started with other variables than every training has."""


def training_environment(own: Mapping[str, str]) -> dict[str, str]:
    """The task's ``own`` variables, with those that would alter results set or left out; each of these is logged."""
    left_out = [name for name in own if name not in PINNED and _alters(name)]
    replaced = [name for name, value in PINNED.items() if own.get(name, value) != value]
    for name in sorted(left_out + replaced):
        used = PINNED.get(name, "unset")
        log.warning("variable not taken: every training computes alike", variable=name, given=own[name], used=used)
    return {**{name: value for name, value in own.items() if name not in left_out}, **PINNED}


def check_environment() -> None:
    """Refuse to train with another environment than `training_environment` makes.

    Raises:
        TrainingEnvironmentError: A variable is another one.
    """
    wrong = [f"{name}={os.environ.get(name)}, expected {value}" for name, value in PINNED.items()
             if os.environ.get(name) != value]  # fmt: skip
    wrong += [
        f"{name}={os.environ[name]}, expected none" for name in os.environ if name not in PINNED and _alters(name)
    ]
    if wrong:
        raise TrainingEnvironmentError(f"training would compute other numbers here: {'; '.join(wrong)}")


def _alters(name: str) -> bool:
    return name.startswith(ALTERING) and name not in HARMLESS
