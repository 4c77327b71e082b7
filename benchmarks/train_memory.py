"""Training on features and neighborhoods that are larger than memory: peak memory, seconds, and the same weights.

Random features and neighborhoods are planted in files and mapped, as the stage maps them. One epoch is trained, every
item is embedded, and the tuning pairs are ranked. What a process can't give back to the system when memory is short is
its anonymous memory; files that are mapped it can. So the peak of the anonymous memory is measured, in a process of its
own; and to prove it, the process can be put into a control group with less memory than the arrays take:

    mkdir /sys/fs/cgroup/memory/small && echo 2G > /sys/fs/cgroup/memory/small/memory.limit_in_bytes
    python -m benchmarks.train_memory --items 4000000 --control-group /sys/fs/cgroup/memory/small
"""

from __future__ import annotations

import argparse
import hashlib
import json
import multiprocessing
import os
import shutil
import sys
import tempfile
import threading
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.training_environment import enter_training_environment
from pinsage.arrays.scratch import Scratch
from pinsage.model.config import ModelConfig
from pinsage.model.layerwise import Layerwise
from pinsage.training.config import TrainingConfig
from pinsage.training.minibatch import TrainingData
from pinsage.training.trainer import embed_all, train

SAMPLE_SECONDS = 0.02


def main() -> None:
    """Print one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (
        ("items", 1_000_000), ("features", 256), ("sampled", 50), ("hidden", 64), ("top-t", 10), ("batch", 512),
        ("negatives", 500), ("pairs", 100_000), ("tune-pairs", 2_000), ("steps", 16), ("chunk-rows", 65_536),
        ("seed", 0),
    ):  # fmt: skip
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--scratch", type=Path, default=None, help="Folder on a disk for all files.")
    parser.add_argument("--control-group", type=Path, default=None, help="Folder of a control group to train in.")
    parser.add_argument("--json", action="store_true", help="Accepted for symmetry; the output is JSON always.")
    options = parser.parse_args()
    enter_training_environment("benchmarks.train_memory")
    folder = Path(tempfile.mkdtemp(prefix="pinsage-train-memory-", dir=options.scratch))
    try:
        plant(folder, options)
        with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
            result = pool.submit(measure, folder, options).result()
        mapped = sum((folder / f"{name}.npy").stat().st_size for name in ("features", "neighbors", "importances"))
    finally:
        shutil.rmtree(folder)
    print(json.dumps({"benchmark": "train_memory", **vars(options), "mapped_bytes": mapped, **result}, default=str))


def plant(folder: Path, options: argparse.Namespace) -> None:
    """Write random arrays, a chunk of rows at a time."""
    rng = np.random.default_rng(options.seed)
    num_items, sampled = options.items, options.sampled
    arrays = {
        "features": ((num_items, options.features), np.float32),
        "neighbors": ((num_items, sampled), np.int32),
        "importances": ((num_items, sampled), np.float32),
    }
    maps = {
        name: np.lib.format.open_memmap(folder / f"{name}.npy", mode="w+", dtype=dtype, shape=shape)
        for name, (shape, dtype) in arrays.items()
    }
    for rows in Scratch(chunk_rows=options.chunk_rows).chunks(num_items):
        size = rows.stop - rows.start
        maps["features"][rows] = rng.standard_normal((size, options.features), dtype=np.float32)
        maps["neighbors"][rows] = rng.integers(0, num_items, (size, sampled), dtype=np.int32)
        maps["importances"][rows] = np.float32(1 / sampled)
    maps.clear()  # unmapped, so that the pages can be dropped: whoever reads them anew pays with its own memory
    for name in arrays:
        with (folder / f"{name}.npy").open("rb") as file:
            os.fsync(file.fileno())
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def measure(folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Train an epoch, embed every item and rank; in the control group."""
    torch.set_num_threads(1)
    if options.control_group is not None:
        (options.control_group / "cgroup.procs").write_text(str(os.getpid()))
    rng = np.random.default_rng(options.seed + 1)
    pairs = rng.integers(0, options.items, (options.pairs + options.tune_pairs, 2)).astype(np.int32)
    names = ("features", "neighbors", "importances")
    data = TrainingData(
        **{name: np.load(folder / f"{name}.npy", mmap_mode="r") for name in names},
        log_degrees=np.full(options.items, 3.0, np.float32),
        pairs=pairs[options.tune_pairs :],
        ages=np.zeros(options.pairs, np.float32),
        hard_queries=np.zeros(0, np.int32),
        hard_pools=np.zeros((0, 1), np.int32),
    )
    model_config = ModelConfig(hidden_width=options.hidden, width=options.hidden, top_t=options.top_t)
    config = TrainingConfig(
        epochs=1,
        epoch_steps=options.steps,
        max_epoch_passes=1000,
        batch_pairs=options.batch,
        shared_negatives=options.negatives,
    )
    scratch = Scratch(folder, options.chunk_rows)
    peak, done = [0], threading.Event()
    sampler = threading.Thread(target=_sample, args=(done, peak))
    before, started = anonymous_bytes(), time.monotonic()
    sampler.start()
    stepped: list[float] = []

    def on_progress(line: dict[str, Any]) -> None:
        print(line, file=sys.stderr)
        if line.get("step") == options.steps and "loss" in line:
            stepped.append(time.monotonic() - started)

    model, history, _ = train(data, pairs[: options.tune_pairs], model_config, config, scratch=scratch,
                              on_progress=on_progress)  # fmt: skip
    seconds = time.monotonic() - started
    done.set()
    sampler.join()
    weights = hashlib.sha256()
    for name, value in sorted(model.state_dict().items()):
        weights.update(name.encode() + value.numpy().tobytes())
    vectors = embed_all(model, data, scratch=scratch)
    return {
        "scratch_bytes": 4 * options.items * Layerwise(model).scratch_width(),
        "anonymous_bytes_before": before,
        "peak_anonymous_bytes": peak[0],
        "seconds_a_step": round(stepped[0] / options.steps, 3),
        "seconds_to_embed_and_rank": round(seconds - stepped[0], 1),
        "tune_hit_rate": history["tune"][0]["hit_rate"],
        "weights_sha256": weights.hexdigest(),
        "embeddings_sha256": hashlib.sha256(vectors).hexdigest(),
    }


def anonymous_bytes() -> int:
    """Memory of this process that is no file's."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError("/proc/self/status has no RssAnon; run this on Linux")


def _sample(done: threading.Event, peak: list[int]) -> None:
    while not done.wait(SAMPLE_SECONDS):
        peak[0] = max(peak[0], anonymous_bytes())


if __name__ == "__main__":
    main()
