"""Recall, queries per second, build time and size of the index, beside bare Annoy and other libraries.

Every method searches with the least effort of its ladder that reaches the target recall; one thread, one query after
the other, the same vectors and queries in the same run. The others come from ``make bench-peers``.

    python -m benchmarks.index --items 200000 --width 128
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from annoy import AnnoyIndex

from benchmarks.index_vectors import exact_neighbors, least_effort, unit_vectors
from pinsage.index.annoy_shards import ShardedIndex, open_shard
from pinsage.index.config import IndexConfig
from pinsage.index.geometry import Geometry
from pinsage.index.tuning import build_tuned_shard, tune_index

PROJECT = Path(__file__).parents[1]
PEERS = PROJECT / ".bench-peers" / "bin" / "python"
ANNOY_EFFORTS = [round(1_000 * 1.1**step) for step in range(45)]  # as near as our own tuning comes


def main() -> None:
    """Print one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name, default in (("items", 200_000), ("width", 128), ("k", 50), ("queries", 1_000), ("seed", 0)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--target", type=float, default=0.95)
    parser.add_argument("--json", action="store_true", help="Accepted for symmetry; the output is JSON always.")
    options = parser.parse_args()
    vectors = unit_vectors(options.items, options.width, options.seed)
    query_rows = np.random.default_rng(options.seed + 1).permutation(options.items)[: options.queries]
    exact = exact_neighbors(vectors, query_rows, options.k)
    with tempfile.TemporaryDirectory(prefix="pinsage-index-") as folder:
        methods = {
            "pinsage": measure_ours(vectors, query_rows, exact, options, Path(folder)),
            "annoy": measure_annoy(vectors, query_rows, exact, options.target, Path(folder)),
            **measure_peers(vectors, query_rows, exact, options.target, Path(folder)),
        }
    print(json.dumps({"benchmark": "index", **vars(options), "methods": methods}))


def measure_ours(
    vectors: np.ndarray, query_rows: np.ndarray, exact: np.ndarray, options: argparse.Namespace, folder: Path
) -> dict[str, Any]:
    """The stage's shard, trees and effort chosen by its own tuning on other queries, answers scored exactly."""
    config = IndexConfig(recall_k=options.k, recall_target=options.target)
    rows, geometry = np.arange(len(vectors), dtype=np.int32), Geometry.fit(vectors, "angular")
    started = time.process_time()
    path, num_trees, _ = build_tuned_shard(vectors, rows, geometry, config, 0, folder)
    index = ShardedIndex((open_shard(path, rows, vectors, geometry),), vectors, geometry, config.recall_k)
    search_k, _, _ = tune_index(index, rows, config)
    seconds = time.process_time() - started
    found = least_effort(
        lambda query, k, effort: index.search(query, k, search_k=effort)[0],
        vectors, query_rows, exact, 0.0, [search_k],
    )  # fmt: skip
    return {
        "build_cpu_seconds": round(seconds, 2), "size_bytes": path.stat().st_size, "num_trees": num_trees, **found
    }  # fmt: skip


def measure_annoy(
    vectors: np.ndarray, query_rows: np.ndarray, exact: np.ndarray, target: float, folder: Path
) -> dict[str, Any]:
    """Annoy as its documentation uses it, with as many trees as ours starts with."""
    started = time.process_time()
    trees = AnnoyIndex(vectors.shape[1], "angular")
    for row, vector in enumerate(vectors):
        trees.add_item(row, vector)
    num_trees = IndexConfig().num_trees
    trees.build(num_trees, n_jobs=1)
    trees.save(str(folder / "annoy"))
    return {
        "build_cpu_seconds": round(time.process_time() - started, 2),
        "size_bytes": (folder / "annoy").stat().st_size,
        "num_trees": num_trees,
        **least_effort(
            lambda query, k, effort: np.array(trees.get_nns_by_vector(query, k, search_k=effort)),
            vectors, query_rows, exact, target, ANNOY_EFFORTS,
        ),
    }  # fmt: skip


def measure_peers(
    vectors: np.ndarray, query_rows: np.ndarray, exact: np.ndarray, target: float, folder: Path
) -> dict[str, Any]:
    """The libraries of the peers' environment; why there are none where it was not made."""
    if not PEERS.exists():
        return {"peers": {"absent": f"{PEERS} does not exist; run `make bench-peers`"}}
    paths = [folder / f"{name}.npy" for name in ("vectors", "queries", "exact")]
    for path, array in zip(paths, (vectors, query_rows, exact), strict=True):
        np.save(path, array)
    done = subprocess.run(
        [str(PEERS), "-m", "benchmarks.index_peers", *map(str, paths), str(target), str(folder)],
        capture_output=True,
        text=True,
        check=True,
        cwd=PROJECT,
        env={**os.environ, "PYTHONPATH": str(PROJECT), "OMP_NUM_THREADS": "1"},
    )
    measured: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return measured


if __name__ == "__main__":
    main()
