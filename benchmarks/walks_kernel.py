"""The walk kernel in a process of its own, for `benchmarks.walks` to measure: prints one JSON line."""

from __future__ import annotations

import argparse
import hashlib
import json
import resource
import time
from pathlib import Path

import numpy as np
from numba import njit

from pinsage.graph.bipartite import BipartiteGraph
from pinsage.graph.huge_pages import in_huge_pages
from pinsage.walks.config import WalkConfig
from pinsage.walks.importance import importance_neighborhoods
from pinsage.walks.random_stream import GOLDEN, below, draw
from pinsage.walks.walkers import Side, graph_sides
from tasks.runtime.resources import ResourceConfig

CHUNK_ROWS = 65_536
READS = 4_000_000


def main() -> None:
    """Measure one thread, all threads, and the bound."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    for name in ("threads", "walks", "top-t", "seed", "enough-items", "enough-visits"):
        parser.add_argument(f"--{name}", type=int, required=True)
    parser.add_argument("--hash", action="store_true", help="hash all neighborhoods, outside the time")
    arguments = parser.parse_args()
    names = ("item_offsets", "item_boards", "board_offsets", "board_items")
    arrays = [np.load(arguments.folder / f"{name}.npy", mmap_mode="r") for name in names]
    is_copied = sum(array.nbytes for array in arrays) <= ResourceConfig().huge_page_bytes  # as the stage does
    graph = BipartiteGraph(*(in_huge_pages(array) if is_copied else array for array in arrays))
    del arrays
    config = WalkConfig(
        num_walks=arguments.walks,
        walk_length=2,
        restart=0.5,
        top_t=arguments.top_t,
        seed=arguments.seed,
        enough_items=arguments.enough_items,
        enough_visits=arguments.enough_visits,
    )
    importance_neighborhoods(graph, range(1), config)  # compile
    digest = hashlib.sha256() if arguments.hash else None
    one, one_cpu, walks_made = walk_all(graph, config, 1, digest)
    wall, cpu, _ = walk_all(graph, config, arguments.threads, None) if arguments.threads > 1 else (one, one_cpu, 0)
    expected_steps = 3 * walks_made  # two hops, and two more for every second walk
    result = {
        "items_per_wall_second": round(graph.num_items / wall),
        "items_per_cpu_second": round(graph.num_items / cpu),
        "items_per_wall_second_one_thread": round(graph.num_items / one),
        "items_per_cpu_second_one_thread": round(graph.num_items / one_cpu),
        "ns_per_step": round(one / expected_steps * 1e9, 2),
        "cpu_ns_per_step": round(one_cpu / expected_steps * 1e9, 2),
        "bound_ns_per_step": round(random_read_ns(graph), 2),
        "walks_made_share": round(walks_made / (graph.num_items * arguments.walks), 4),
        "num_edges": graph.num_edges,
        "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    }
    if digest is not None:
        result["neighborhoods_sha256"] = digest.hexdigest()
    print(json.dumps(result))


def walk_all(
    graph: BipartiteGraph, config: WalkConfig, threads: int, digest: hashlib._Hash | None
) -> tuple[float, float, int]:
    """Wall seconds and CPU seconds of the neighborhoods of all items, and the walks made."""
    wall = cpu = 0.0
    walks_made = 0
    for start in range(0, graph.num_items, CHUNK_ROWS):
        rows = range(start, min(start + CHUNK_ROWS, graph.num_items))
        wall_before, cpu_before = time.perf_counter(), time.process_time()
        made = importance_neighborhoods(graph, rows, config, threads=threads)
        wall += time.perf_counter() - wall_before
        cpu += time.process_time() - cpu_before
        walks_made += int(made.walks_made.sum())
        if digest is not None:
            digest.update(made.neighbors)
            digest.update(made.importances)
    return wall, cpu, walks_made


def random_read_ns(graph: BipartiteGraph) -> float:
    """CPU nanoseconds of a step's two reads, of an offset and of an edge, when no read waits for another.

    The mean of both sides of the graph: what a step would cost if walking were only this and nothing depended on it.
    """
    sides = graph_sides(graph)
    for side in sides:
        read_at_random(side, 1)
    started = time.process_time()
    for side in sides:
        read_at_random(side, READS)
    return (time.process_time() - started) / (2 * READS) * 1e9


@njit(nogil=True, cache=True)
def read_at_random(side: Side, num: int) -> np.uint64:
    """Read random offsets and random edges."""
    offsets, neighbors, _ = side
    total = np.uint64(0)
    for number in range(np.uint64(num)):
        total += np.uint64(offsets[below(draw(GOLDEN, number), np.uint64(len(offsets)))])
        total += np.uint64(neighbors[below(draw(~GOLDEN, number), np.uint64(len(neighbors)))])
    return total


if __name__ == "__main__":
    main()
