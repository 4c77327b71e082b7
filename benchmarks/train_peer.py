"""The model of `benchmarks.train` on DGL's public API, in the environment of `make bench-peers`: one JSON line.

PinSAGESampler walks for every minibatch, as in DGL's own example; messages go through its message functions. It imports
nothing of the project, which its environment does not have.
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
    """Train some steps and measure the process's CPU seconds."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    for name in ("threads", "walks", "top-t", "seed", "steps", "batch", "negatives", "hidden"):
        parser.add_argument(f"--{name}", type=int, required=True)
    arguments = parser.parse_args()
    os.environ.update(OMP_NUM_THREADS=str(arguments.threads), DGLBACKEND="pytorch")
    # Its graphbolt has no binary for this torch, and neither walks nor message functions use it.
    sys.modules["dgl.graphbolt"] = types.ModuleType("dgl.graphbolt")
    import dgl
    import dgl.function
    import numpy as np
    import torch
    from torch import nn
    from torch.nn import functional

    class Convolution(nn.Module):
        def __init__(self, width: int, hidden: int) -> None:
            super().__init__()
            self.neighbor, self.update = nn.Linear(width, hidden), nn.Linear(width + hidden, hidden)

        def forward(self, block: dgl.DGLGraph, h: torch.Tensor) -> torch.Tensor:
            with block.local_scope():
                block.srcdata["n"] = functional.relu(self.neighbor(h))
                block.edata["w"] = block.edata["weights"].float()
                block.update_all(dgl.function.u_mul_e("n", "w", "m"), dgl.function.sum("m", "n"))
                block.update_all(dgl.function.copy_e("w", "m"), dgl.function.sum("m", "total"))
                pooled = block.dstdata["n"] / block.dstdata["total"].clamp(min=1)[:, None]
                own = h[: block.num_dst_nodes()]
                return functional.normalize(functional.relu(self.update(torch.cat([own, pooled], dim=1))), dim=1)

    def side(offsets: str, neighbors: str) -> tuple:
        arrays = (np.load(arguments.folder / f"{name}.npy") for name in (offsets, neighbors))
        return ("csr", (*(torch.from_numpy(array.astype(np.int64)) for array in arrays), []))

    torch.set_num_threads(arguments.threads)
    dgl.utils.set_num_threads(arguments.threads)
    graph = dgl.heterograph(
        {
            ("item", "saved_to", "board"): side("item_offsets", "item_boards"),
            ("board", "holds", "item"): side("board_offsets", "board_items"),
        }
    )
    dgl.seed(arguments.seed)
    torch.manual_seed(arguments.seed)
    features, pairs = (torch.from_numpy(np.load(arguments.folder / f"{name}.npy")) for name in ("features", "pairs"))
    sampler = dgl.sampling.PinSAGESampler(graph, "item", "board", 2, 0.5, arguments.walks, arguments.top_t)
    layers = nn.ModuleList([Convolution(features.shape[1], arguments.hidden), Convolution(*(arguments.hidden,) * 2)])
    head = nn.Sequential(
        nn.Linear(arguments.hidden + features.shape[1], arguments.hidden),
        nn.ReLU(),
        nn.Linear(arguments.hidden, arguments.hidden, bias=False),
    )
    optimizer = torch.optim.Adam([*layers.parameters(), *head.parameters()], lr=0.004)
    rng = np.random.default_rng(arguments.seed)

    def step() -> None:
        drawn = pairs[rng.integers(len(pairs), size=arguments.batch)].long()
        shared = torch.from_numpy(rng.integers(len(features), size=arguments.negatives))
        seeds, place = torch.unique(torch.cat([drawn[:, 0], drawn[:, 1], shared]), return_inverse=True)
        query, item, negative = place.split([arguments.batch, arguments.batch, arguments.negatives])
        blocks, nodes = [], seeds
        for _ in range(2):
            block = dgl.to_block(sampler(nodes), nodes)
            nodes = block.srcdata[dgl.NID]
            blocks.insert(0, block)
        h = read = features[nodes]
        for layer, block in zip(layers, blocks, strict=True):
            h = layer(block, h)
        vectors = functional.normalize(head(torch.cat([h, read[: len(h)]], dim=1)), dim=1)
        asked = vectors[query] * 10
        positive = (asked * vectors[item]).sum(dim=1)
        logits = torch.cat([positive[:, None], asked @ vectors[negative].T], dim=1)
        loss = (torch.logsumexp(logits, dim=1) - positive).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    for _ in range(3):
        step()
    before = time.process_time()
    for _ in range(arguments.steps):
        step()
    seconds = time.process_time() - before
    print(json.dumps({"examples_per_cpu_second": round(arguments.steps * arguments.batch / seconds, 1)}))


if __name__ == "__main__":
    main()
