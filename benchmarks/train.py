"""Training: examples per CPU second, beside the same model on DGL's public API, and where the time of a step goes.

    python -m benchmarks.train --json

Both see the same graph, features and pairs, with equal widths, T, pairs and negatives, one after the other in this run.
DGL walks for every minibatch; here neighborhoods are computed once before, as the pipeline does. A step is built and
computed by one thread each. The roofline bound is the time of a step's matrix products at the measured peak and of the
bytes that it gathers at the measured bandwidth of copies.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.power_law import PowerLawSaves
from benchmarks.training_environment import enter_training_environment
from pinsage.model.config import ModelConfig
from pinsage.model.pinsage import PinSage
from pinsage.training.config import TrainingConfig
from pinsage.training.minibatch import Minibatch, MinibatchBuilder, TrainingData
from pinsage.training.trainer import batch_loss
from pinsage.walks.config import WalkConfig
from pinsage.walks.importance import importance_neighborhoods
from tasks.train.environment import PINNED as ENVIRONMENT

PROJECT = Path(__file__).parents[1]
PEER_PYTHON = PROJECT / ".bench-peers/bin/python"
# Operations that multiply matrices or gather rows, as the profiler names them.
HEAVY = ("mm", "addmm", "bmm", "embedding_bag", "index", "gather", "linear", "cat")
WARM_UP = 3


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, default=50_000)
    parser.add_argument("--boards", type=int, default=10_000)
    parser.add_argument("--saves", type=int, default=1_000_000)
    parser.add_argument("--features", type=int, default=64)
    parser.add_argument("--hidden", type=int, default=128)
    parser.add_argument("--batch", type=int, default=512)
    parser.add_argument("--negatives", type=int, default=512)
    parser.add_argument("--top-t", type=int, default=10)
    parser.add_argument("--walks", type=int, default=100)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--peer", type=Path, default=PEER_PYTHON, help="Python of the environment with DGL")
    parser.add_argument("--json", action="store_true", help="one line of JSON")
    arguments = parser.parse_args()
    enter_training_environment("benchmarks.train")
    folder = Path(tempfile.mkdtemp(prefix="pinsage-train-"))
    try:
        result = run(folder, arguments)
    finally:
        shutil.rmtree(folder)
    print(json.dumps(result) if arguments.json else "\n".join(f"{name}: {value}" for name, value in result.items()))


def run(folder: Path, arguments: argparse.Namespace) -> dict[str, Any]:
    """Our steps, then the peer's on the same files, without the training's environment."""
    torch.set_num_threads(1)
    data = planted(folder, arguments)
    names = ("items", "boards", "saves", "features", "hidden", "batch", "negatives", "top_t", "walks", "seed")
    result = {**{name: getattr(arguments, name) for name in names}, "threads": 1, **measure(data, arguments)}
    if arguments.peer.exists():
        options = [f"--{name}={getattr(arguments, name.replace('-', '_'))}" for name in ("walks", "top-t", "seed")]
        options += [f"--{name}={getattr(arguments, name)}" for name in ("steps", "batch", "negatives", "hidden")]
        done = subprocess.run(
            [str(arguments.peer), str(PROJECT / "benchmarks/train_peer.py"), str(folder), "--threads=1", *options],
            check=True,
            capture_output=True,
            text=True,
            env={name: value for name, value in os.environ.items() if name not in ENVIRONMENT},
        )
        rate = json.loads(done.stdout.splitlines()[-1])["examples_per_cpu_second"]
        result["dgl_examples_per_cpu_second"] = rate
        result["times_dgl"] = round(result["examples_per_cpu_second"] / rate, 1)
    return result


def planted(folder: Path, arguments: argparse.Namespace) -> TrainingData:
    """A power-law graph with its neighborhoods; pairs are an item and one of its neighbors."""
    rng = np.random.default_rng(arguments.seed)
    graph = PowerLawSaves(arguments.items, arguments.boards, arguments.saves, arguments.seed).graph()
    walks = WalkConfig(top_t=arguments.top_t, num_walks=arguments.walks)
    neighbors, importances, _ = importance_neighborhoods(graph, range(arguments.items), walks)
    queries = rng.integers(arguments.items, size=200_000)
    pairs = np.stack([queries, neighbors[queries, rng.integers(arguments.top_t, size=len(queries))]], axis=1)
    pairs = pairs[pairs[:, 1] >= 0].astype(np.int32)
    features = rng.standard_normal((arguments.items, arguments.features), dtype=np.float32)
    for name in ("item_offsets", "item_boards", "board_offsets", "board_items"):
        np.save(folder / f"{name}.npy", getattr(graph, name))
    np.save(folder / "features.npy", features)
    np.save(folder / "pairs.npy", pairs)
    return TrainingData(
        features=features,
        neighbors=neighbors,
        importances=importances,
        log_degrees=np.log1p(graph.item_degrees()).astype(np.float32),
        pairs=pairs,
        ages=np.zeros(len(pairs), np.float32),
        hard_queries=np.zeros(0, np.int32),
        hard_pools=np.zeros((0, 1), np.int32),
    )


def measure(data: TrainingData, arguments: argparse.Namespace) -> dict[str, Any]:
    """CPU seconds of whole steps, the share of heavy operations, and the roofline bound."""
    width = arguments.hidden
    model_config = ModelConfig(hidden_width=width, width=width, top_t=arguments.top_t)
    # The peer's negatives are uniform.
    config = TrainingConfig(batch_pairs=arguments.batch, shared_negatives=arguments.negatives, in_batch_negatives=False)
    torch.manual_seed(arguments.seed)
    model = PinSage(arguments.features, model_config)
    optimizer = torch.optim.Adam(model.parameters(), lr=config.learning_rate)
    builder = MinibatchBuilder(data, config, model_config)

    def compute(batch: Minibatch) -> None:
        loss = batch_loss(model, batch, model_config, config)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()

    for step in range(WARM_UP):
        compute(builder.build(step))
    building = computing = bound = 0.0
    peak_flops, bandwidth = peaks()
    for step in range(WARM_UP, WARM_UP + arguments.steps):
        started = time.process_time()
        batch = builder.build(step)
        built = time.process_time()
        compute(batch)
        building += built - started
        computing += time.process_time() - built
        flops, gathered = work(batch, model)
        bound += flops / peak_flops + gathered / bandwidth
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profile:
        for step in range(5):
            compute(builder.build(step))
    operations = [(event.key, event.self_cpu_time_total) for event in profile.key_averages()]
    total = sum(spent for _, spent in operations)
    heavy = sum(spent for name, spent in operations if any(word in name.split("::")[-1] for word in HEAVY))
    seconds = building + computing
    return {
        "examples_per_cpu_second": round(arguments.steps * arguments.batch / seconds, 1),
        "step_cpu_seconds": round(seconds / arguments.steps, 4),
        "build_share": round(building / seconds, 3),
        "matrix_and_gather_share_of_torch": round(heavy / total, 3),
        "matrix_and_gather_share_of_step": round(heavy / total * computing / seconds, 3),
        "roofline_share": round(bound / seconds, 3),
        "peak_gflops": round(peak_flops / 1e9, 1),
        "copy_gigabytes_per_second": round(bandwidth / 1e9, 1),
    }


def work(batch: Minibatch, model: PinSage) -> tuple[float, float]:
    """Floating point operations of a step's matrix products and bytes that it gathers, forward and backward."""
    flops = gathered = 0.0
    num_nodes = len(batch.features)
    for layer, block in zip(model.layers, batch.blocks, strict=True):
        num_rows, top_t = block.neighbors.shape
        hidden = layer.neighbor.out_features
        flops += num_nodes * layer.neighbor.weight.numel() + num_rows * layer.update_node.weight.numel()
        gathered += num_rows * top_t * hidden * 4
        num_nodes = num_rows
    flops += num_nodes * (model.head_hidden.weight.numel() + model.head_output.weight.numel())
    flops += len(batch.query) * len(batch.shared) * model.config.width
    # Backward: the gradients of both factors of a product; the gathered rows are scattered back.
    return 2 * 3 * flops, 2 * gathered + batch.features.numel() * 4


def peaks() -> tuple[float, float]:
    """Operations per second of a float32 product of 1024 x 1024, and bytes per second of a copy of 64 MB."""
    square, large = torch.randn(1024, 1024), torch.randn(16 * 2**20)
    product = _best_seconds(lambda: square @ square)
    copy = _best_seconds(large.clone)
    return 2 * 1024**3 / product, 2 * large.numel() * 4 / copy


def _best_seconds(compute: Any) -> float:
    best = float("inf")
    for _ in range(7):
        started = time.process_time()
        compute()
        best = min(best, time.process_time() - started)
    return best


if __name__ == "__main__":
    main()
