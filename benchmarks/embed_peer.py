"""Inference that samples neighborhoods anew for every batch, on DGL's public API; measured by `benchmarks.embed`.

The way of DGL's PinSAGE example: a batch of items, the walks of two layers of neighbors around it, one forward pass of
the same network. It runs in the environment of `make bench-peers` and imports nothing of the project.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
import types
from pathlib import Path


def main() -> None:
    """Print one JSON line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    for name in ("items", "features", "hidden", "width", "top-t", "walks", "batch", "seed"):
        parser.add_argument(f"--{name}", type=int, required=True)
    arguments = parser.parse_args()
    os.environ.update(OMP_NUM_THREADS="1", DGLBACKEND="pytorch")
    # Its graphbolt has no binary for this torch, and walks do not use it.
    sys.modules["dgl.graphbolt"] = types.ModuleType("dgl.graphbolt")
    import dgl
    import dgl.function as fn
    import numpy as np
    import torch
    from torch import nn
    from torch.nn import functional

    torch.set_num_threads(1)
    dgl.utils.set_num_threads(1)
    torch.manual_seed(arguments.seed)

    class Convolution(nn.Module):
        def __init__(self, below: int, above: int) -> None:
            super().__init__()
            self.neighbor, self.update = nn.Linear(below, arguments.hidden), nn.Linear(arguments.hidden + below, above)

        def forward(self, block: dgl.DGLGraph, h: torch.Tensor) -> torch.Tensor:
            with block.local_scope():
                block.srcdata["n"] = functional.relu(self.neighbor(h))
                block.edata["w"] = block.edata["weights"].float()
                block.update_all(fn.u_mul_e("n", "w", "m"), fn.sum("m", "n"))
                block.update_all(fn.copy_e("w", "m"), fn.sum("m", "w"))
                pooled = block.dstdata["n"] / block.dstdata["w"].clamp(min=1).unsqueeze(1)
                z = functional.relu(self.update(torch.cat([pooled, h[: block.num_dst_nodes()]], 1)))
                return functional.normalize(z)

    def side(offsets: str, neighbors: str) -> tuple:
        arrays = (np.load(arguments.folder / f"{name}.npy") for name in (offsets, neighbors))
        return ("csr", (*(torch.from_numpy(array.astype(np.int64)) for array in arrays), []))

    graph = dgl.heterograph(
        {
            ("item", "saved_to", "board"): side("item_offsets", "item_boards"),
            ("board", "holds", "item"): side("board_offsets", "board_items"),
        }
    )
    sampler = dgl.sampling.PinSAGESampler(graph, "item", "board", 2, 0.5, arguments.walks, arguments.top_t)
    features = torch.randn(graph.num_nodes("item"), arguments.features)
    layers = [Convolution(arguments.features, arguments.hidden), Convolution(arguments.hidden, arguments.hidden)]
    head = nn.Sequential(
        nn.Linear(arguments.hidden, arguments.hidden), nn.ReLU(), nn.Linear(arguments.hidden, arguments.width)
    )

    @torch.inference_mode()
    def embed(seeds: torch.Tensor) -> torch.Tensor:
        blocks = []
        for _ in layers:
            block = dgl.to_block(sampler(seeds), seeds)
            seeds = block.srcdata[dgl.NID]
            blocks.insert(0, block)
        h = features[seeds]
        for layer, block in zip(layers, blocks, strict=True):
            h = layer(block, h)
        return functional.normalize(head(h))

    every = max(1, graph.num_nodes("item") // arguments.items)
    items = torch.arange(0, graph.num_nodes("item"), every)[: arguments.items]
    embed(items[: arguments.batch])
    started = time.process_time()
    for batch in items.split(arguments.batch):
        embed(batch)
    print(json.dumps({"items_per_cpu_second": round(len(items) / (time.process_time() - started), 1)}))


if __name__ == "__main__":
    main()
