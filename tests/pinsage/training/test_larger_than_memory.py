"""Training in a process that may not take as much memory as features, neighborhoods and layers have bytes."""

from __future__ import annotations

import multiprocessing
import resource
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from pinsage.arrays.scratch import Scratch
from pinsage.model.config import ModelConfig
from pinsage.training.config import TrainingConfig
from pinsage.training.minibatch import TrainingData
from pinsage.training.trainer import train

NUM_ITEMS, WIDTH, SAMPLED = 600_000, 128, 50
ALLOWANCE = 220_000_000
MODEL = ModelConfig(hidden_width=64, width=64, top_t=25)
CONFIG = TrainingConfig(
    epochs=2, epoch_steps=3, max_epoch_passes=100, batch_pairs=8, shared_negatives=8, checkpoint_steps=6
)


def plant(folder: Path) -> None:
    rng = np.random.default_rng(0)
    shapes: dict[str, tuple[tuple[int, int], Any]] = {
        "features": ((NUM_ITEMS, WIDTH), np.float32),
        "neighbors": ((NUM_ITEMS, SAMPLED), np.int32),
        "importances": ((NUM_ITEMS, SAMPLED), np.float32),
    }
    for name, (shape, dtype) in shapes.items():
        array = np.lib.format.open_memmap(folder / f"{name}.npy", mode="w+", dtype=dtype, shape=shape)
        array[:] = rng.integers(0, 7 if name != "neighbors" else NUM_ITEMS, shape, dtype=np.int32)


def data_of(arrays: dict[str, np.ndarray]) -> TrainingData:
    rng = np.random.default_rng(1)
    return TrainingData(
        **arrays,
        log_degrees=np.ones(NUM_ITEMS, np.float32),
        pairs=rng.integers(0, NUM_ITEMS, (5000, 2)).astype(np.int32),
        ages=np.zeros(5000, np.float32),
        hard_queries=np.arange(0, NUM_ITEMS, 2, dtype=np.int32),
        hard_pools=rng.integers(0, NUM_ITEMS, (NUM_ITEMS // 2, 4)).astype(np.int32),
    )


def trained(folder: Path, mapped: bool) -> dict[str, Any]:
    """Weights and history of a training; of mapped arrays, with little memory to take."""
    torch.set_num_threads(1)
    names = ("features", "neighbors", "importances")
    data = data_of({name: np.load(folder / f"{name}.npy", mmap_mode="r" if mapped else None) for name in names})
    tune = (data.pairs[:200] + 1) % NUM_ITEMS
    train(data, tune, MODEL, CONFIG.model_copy(update={"epochs": 1, "epoch_steps": 1}))  # compiles
    if mapped:
        limit = data_bytes() + ALLOWANCE
        resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
        with pytest.raises(MemoryError):
            data.features.copy()
    scratch = Scratch(folder / "scratch", 8192) if mapped else Scratch(chunk_rows=NUM_ITEMS)
    model, history, _ = train(data, tune, MODEL, CONFIG, scratch=scratch)
    return {"history": history, **{name: value.numpy() for name, value in model.state_dict().items()}}


def data_bytes() -> int:
    """Private memory that this process may write: what RLIMIT_DATA counts."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("VmData:"))) * 1024


@pytest.mark.slow
def test_features_neighborhoods_and_layers_need_not_fit_into_memory(tmp_path: Path) -> None:
    plant(tmp_path)
    found = []
    for mapped in (True, False):
        with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
            found.append(pool.submit(trained, tmp_path, mapped).result())
    small, large = found
    assert small.pop("history") == large.pop("history")
    assert small.keys() == large.keys()
    assert all(np.array_equal(small[name], large[name]) for name in small)
    assert not list((tmp_path / "scratch").iterdir()), "files without names"
