"""Trees and search effort by measurement: the smallest that reach the target recall against exact search.

A shard starts with few trees, because trees cost time to build and memory for as long as they serve; they are doubled
only where no allowed search effort reaches the target. The effort is doubled until it reaches it, and then bisected
between the last miss and the first hit, because every query of the index pays for it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from pinsage.index.annoy_shards import ShardedIndex, build_shard_file, open_shard, popular_rows
from pinsage.index.config import IndexConfig
from pinsage.index.exact import exact_top_k, recall_at_k
from pinsage.index.geometry import Geometry

# The effort is bisected until it is at most this many times one that misses the target.
NEAR_ENOUGH = 1.1


class RecallTargetMissedError(RuntimeError):
    """No allowed number of trees and search effort reaches the target recall."""


@dataclass(frozen=True)
class Sample:
    """Queries with their exact answers.

    Attributes:
        query_rows: int64 [q] item rows.
        scores: float32 [q, K] scores of the exact neighbors, best first.
    """

    query_rows: np.ndarray
    scores: np.ndarray


@dataclass
class Curve:
    """What was measured on the way: one dict a point, in order.

    Attributes:
        points: ``num_trees``, ``search_k``, ``recall``, ``recall_low``, ``size_bytes``: reproducible.
        seconds: per point, seconds a query: not reproducible, and never part of a digest.
    """

    points: list[dict[str, Any]] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)


def sample_queries(rows: np.ndarray, num_queries: int, seed: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Two disjoint sets of query rows, drawn uniformly: one to tune on, one to report on.

    Each has ``num_queries`` rows, or half of ``rows`` where there are fewer.
    """
    drawn = np.random.default_rng(seed).permutation(rows)[: 2 * num_queries].astype(np.int64)
    half = (len(drawn) + 1) // 2
    return drawn[:half], drawn[half:]


def exact_sample(
    embeddings: np.ndarray, rows: np.ndarray, query_rows: np.ndarray, k: int, geometry: Geometry
) -> Sample:
    """``query_rows`` with the scores of their exact top K among ``rows``; K shrinks to what is there."""
    k = min(k, len(rows) - 1)
    if k < 1 or len(query_rows) == 0:
        return Sample(query_rows[:0], np.empty((0, max(k, 0)), dtype=np.float32))
    return Sample(query_rows, exact_top_k(embeddings, rows, query_rows, k, geometry)[1])


def measure(index: ShardedIndex, sample: Sample, search_k: int) -> tuple[np.ndarray, float]:
    """recall@K of every query of ``sample``, float64 [q], and the seconds that one query took."""
    queries = index.geometry.queries(index.embeddings[sample.query_rows])
    k = sample.scores.shape[1]
    started = time.perf_counter()
    found = [
        index.search(query, k, exclude=np.array([row]), search_k=search_k)[1]
        for query, row in zip(queries, sample.query_rows, strict=True)
    ]
    seconds = (time.perf_counter() - started) / max(len(found), 1)
    return recall_at_k(found, sample.scores), seconds


def lower_bound(recalls: np.ndarray) -> float:
    """One-sided 95% lower bound of the mean recall: few queries must not pass by luck. 1 when there are none."""
    if len(recalls) == 0:
        return 1.0
    return float(recalls.mean() - 1.645 * recalls.std(ddof=min(1, len(recalls) - 1)) / np.sqrt(len(recalls)))


def search_efforts(k: int, max_search_k: int) -> list[int]:
    """The efforts tried: 4 K, then doubled, up to ``max_search_k``."""
    efforts = [min(4 * k, max_search_k)]
    while efforts[-1] < max_search_k:
        efforts.append(min(2 * efforts[-1], max_search_k))
    return efforts


def least_effort(reaches: Callable[[int], bool], efforts: list[int]) -> int | None:
    """The first of ``efforts`` (ascending) that reaches, or one between it and the one before that does; else None.

    Bisected by ratio, so that what is returned is at most `NEAR_ENOUGH` times an effort that was tried and missed.
    """
    missed = None
    for effort in efforts:
        if reaches(effort):
            break
        missed = effort
    else:
        return None
    while missed is not None and effort > NEAR_ENOUGH * missed:
        middle = round((missed * effort) ** 0.5)
        if reaches(middle):
            effort = middle
        else:
            missed = middle
    return effort


def reaches_target(
    index: ShardedIndex, sample: Sample, search_k: int, config: IndexConfig, curve: Curve, about: dict[str, Any]
) -> bool:
    """Whether an effort's recall is above the target with 95% confidence; the point goes to ``curve``."""
    recalls, seconds = measure(index, sample, search_k)
    low = lower_bound(recalls)
    mean = float(recalls.mean()) if len(recalls) else None
    curve.points.append({**about, "search_k": search_k, "recall": mean, "recall_low": low})
    curve.seconds.append(seconds)
    return low >= config.recall_target


def build_tuned_shard(
    embeddings: np.ndarray,
    item_rows: np.ndarray,
    geometry: Geometry,
    config: IndexConfig,
    shard: int,
    folder: Path,
    on_progress: Callable[[dict[str, Any]], None] = lambda point: None,
) -> tuple[Path, int, Curve]:
    """Build one shard with the fewest trees, doubling from ``config.num_trees``, that reach the target within it.

    Args:
        embeddings: float [num_items, width].
        item_rows: int32 [n] rows of this shard, none of them a zero vector.
        geometry: shared by all shards.
        config: targets and limits.
        shard: number of the shard, mixed into the seeds.
        folder: where the file is written; files of too few trees are removed.
        on_progress: called with every point of the curve.

    Returns:
        Path of the file, its trees, and the curve.

    Raises:
        RecallTargetMissedError: with ``max_trees`` and ``max_search_k`` the recall is still too low.
    """
    tune, _ = sample_queries(item_rows, config.num_queries, (config.seed, shard, 0))
    sample = exact_sample(embeddings, item_rows, tune, config.recall_k, geometry)
    head = popular_rows(embeddings, item_rows, geometry, config.head_items)
    curve = Curve()
    num_trees = config.num_trees
    while True:
        path = folder / f"shard-{shard:03d}-{num_trees}.ann"
        build_shard_file(embeddings, item_rows, geometry, path, num_trees, config.seed + shard)
        opened = ShardedIndex(
            (open_shard(path, item_rows, embeddings, geometry),), embeddings, geometry, config.recall_k, head
        )
        about = {"shard": shard, "num_trees": num_trees, "size_bytes": path.stat().st_size}
        enough = any(
            reaches_target(opened, sample, search_k, config, curve, about)
            for search_k in search_efforts(config.recall_k, config.max_search_k)
        )
        on_progress(curve.points[-1])
        if enough:
            return path, num_trees, curve
        if num_trees >= config.max_trees:
            raise RecallTargetMissedError(_missed(f"shard {shard}", curve, config))
        path.unlink()
        num_trees = min(2 * num_trees, config.max_trees)


def tune_index(index: ShardedIndex, item_rows: np.ndarray, config: IndexConfig) -> tuple[int, dict[str, Any], Curve]:
    """Search effort of all shards together, and the recall on queries that it was not tuned on.

    Those queries have one say: an effort at which they stay below the target is not chosen.

    Returns:
        search_k; ``{"k", "recall", "recall_low", "num_queries"}`` (recall None when there is nothing to compare); the
        curve.

    Raises:
        RecallTargetMissedError: no allowed effort reaches the target.
    """
    tune, held_out = (
        exact_sample(index.embeddings, item_rows, queries, config.recall_k, index.geometry)
        for queries in sample_queries(item_rows, config.num_queries, (config.seed, len(index.shards), 1))
    )
    curve = Curve()
    confirmed: dict[int, np.ndarray] = {}

    def reaches(search_k: int) -> bool:
        if not reaches_target(index, tune, search_k, config, curve, {"num_shards": len(index.shards)}):
            return False
        confirmed[search_k], _ = measure(index, held_out, search_k)
        return len(held_out.query_rows) == 0 or float(confirmed[search_k].mean()) >= config.recall_target

    search_k = least_effort(reaches, search_efforts(config.recall_k, config.max_search_k))
    if search_k is None:
        raise RecallTargetMissedError(_missed("all shards together", curve, config))
    recalls = confirmed[search_k]
    return (
        search_k,
        {
            "k": held_out.scores.shape[1],
            "recall": float(recalls.mean()) if len(recalls) else None,
            "recall_low": lower_bound(recalls) if len(recalls) else None,
            "num_queries": len(recalls),
        },
        curve,
    )


def _missed(what: str, curve: Curve, config: IndexConfig) -> str:
    best = max(curve.points, key=lambda point: point["recall_low"])
    return (
        f"{what}: recall@{config.recall_k} reaches {best['recall']:.3f} (lower bound {best['recall_low']:.3f}) with "
        f"{best.get('num_trees', 'the built')} trees and search_k {best['search_k']}, expected "
        f"{config.recall_target}; raise index.max_trees ({config.max_trees}) or index.max_search_k "
        f"({config.max_search_k}), or lower index.recall_target"
    )
