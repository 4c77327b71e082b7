"""The other libraries of `benchmarks.index`; runs in the environment that ``make bench-peers`` makes.

.bench-peers/bin/python -m benchmarks.index_peers VECTORS.npy QUERIES.npy EXACT.npy TARGET FOLDER
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.index_vectors import Search, least_effort

EFFORTS = [50, 64, 96, 128, 192, 256, 384, 512, 1024, 2048]
LINKS, BUILD_EFFORT = 16, 200


def hnswlib(vectors: np.ndarray, path: Path) -> Search:
    """HNSW by its authors."""
    import hnswlib as library

    index = library.Index(space="ip", dim=vectors.shape[1])
    index.init_index(max_elements=len(vectors), ef_construction=BUILD_EFFORT, M=LINKS, random_seed=0)
    index.set_num_threads(1)
    index.add_items(vectors)
    index.save_index(str(path))

    def search(query: np.ndarray, k: int, effort: int) -> np.ndarray:
        index.set_ef(max(effort, k))
        return index.knn_query(query, k=k)[0][0]

    return search


def faiss(vectors: np.ndarray, path: Path) -> Search:
    """HNSW of faiss."""
    import faiss as library

    library.omp_set_num_threads(1)
    index = library.IndexHNSWFlat(vectors.shape[1], LINKS, library.METRIC_INNER_PRODUCT)
    index.hnsw.efConstruction = BUILD_EFFORT
    index.add(vectors)
    library.write_index(index, str(path))

    def search(query: np.ndarray, k: int, effort: int) -> np.ndarray:
        index.hnsw.efSearch = effort
        return index.search(query[None], k)[1][0]

    return search


def voyager(vectors: np.ndarray, path: Path) -> Search:
    """HNSW by Spotify, Annoy's successor."""
    import voyager as library

    index = library.Index(
        library.Space.InnerProduct, vectors.shape[1], M=LINKS, ef_construction=BUILD_EFFORT, random_seed=0
    )
    index.add_items(vectors, num_threads=1)
    index.save(str(path))
    return lambda query, k, effort: index.query(query, k, num_threads=1, query_ef=max(effort, k))[0]


def usearch(vectors: np.ndarray, path: Path) -> Search:
    """HNSW by Unum."""
    from usearch.index import Index

    index = Index(ndim=vectors.shape[1], metric="ip", connectivity=LINKS, expansion_add=BUILD_EFFORT, dtype="f32")
    index.add(np.arange(len(vectors)), vectors, threads=1)
    index.save(str(path))

    def search(query: np.ndarray, k: int, effort: int) -> np.ndarray:
        index.expansion_search = max(effort, k)
        return index.search(query, k).keys

    return search


def main(arguments: list[str]) -> None:
    """Print one JSON object: peer -> measures, or why it was not measured."""
    vectors, query_rows, exact = (np.load(path) for path in arguments[:3])
    target, folder = float(arguments[3]), Path(arguments[4])
    peers: tuple[Callable[[np.ndarray, Path], Search], ...] = (hnswlib, faiss, voyager, usearch)
    measured: dict[str, Any] = {}
    for peer in peers:
        name = peer.__name__
        try:
            started = time.process_time()
            search = peer(vectors, folder / name)
        except ImportError as error:
            measured[name] = {"absent": str(error)}
            continue
        measured[name] = {
            "build_cpu_seconds": round(time.process_time() - started, 2),
            "size_bytes": (folder / name).stat().st_size,
            **least_effort(search, vectors, query_rows, exact, target, EFFORTS),
        }
    print(json.dumps(measured))


if __name__ == "__main__":
    main(sys.argv[1:])
