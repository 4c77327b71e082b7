"""DGL's PinSAGESampler in the environment of `make bench-peers`, for `benchmarks.walks` to measure: one JSON line.

It imports nothing of the project, which its environment does not have.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import sys
import time
import types
from pathlib import Path

BATCH_ITEMS = 4_096


def main() -> None:
    """Measure one thread, then all threads."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    for name in ("threads", "walks", "top-t", "seed", "items"):
        parser.add_argument(f"--{name}", type=int, required=True)
    arguments = parser.parse_args()
    os.environ.update(OMP_NUM_THREADS=str(arguments.threads), DGLBACKEND="pytorch")
    # Its graphbolt has no binary for this torch, and walks do not use it.
    sys.modules["dgl.graphbolt"] = types.ModuleType("dgl.graphbolt")
    import dgl
    import numpy as np
    import torch

    def side(offsets: str, neighbors: str) -> tuple:
        arrays = (np.load(arguments.folder / f"{name}.npy") for name in (offsets, neighbors))
        return ("csr", (*(torch.from_numpy(array.astype(np.int64)) for array in arrays), []))

    graph = dgl.heterograph(
        {
            ("item", "saved_to", "board"): side("item_offsets", "item_boards"),
            ("board", "holds", "item"): side("board_offsets", "board_items"),
        }
    )
    dgl.seed(arguments.seed)
    sampler = dgl.sampling.PinSAGESampler(graph, "item", "board", 2, 0.5, arguments.walks, arguments.top_t)
    every = max(1, graph.num_nodes("item") // arguments.items)
    items = torch.arange(0, graph.num_nodes("item"), every)[: arguments.items]

    def rates(threads: int) -> tuple[float, float]:
        torch.set_num_threads(threads)
        dgl.utils.set_num_threads(threads)
        wall, cpu = time.perf_counter(), time.process_time()
        for batch in items.split(BATCH_ITEMS):
            sampler(batch)
        return len(items) / (time.perf_counter() - wall), len(items) / (time.process_time() - cpu)

    sampler(items[:BATCH_ITEMS])
    one, all_threads = rates(1), rates(arguments.threads)
    result = {
        "items_per_wall_second_one_thread": round(one[0], 1),
        "items_per_cpu_second_one_thread": round(one[1], 1),
        "items_per_wall_second": round(all_threads[0], 1),
        "items_per_cpu_second": round(all_threads[1], 1),
        "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
