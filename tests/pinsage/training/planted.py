"""Training data with a known answer: communities that share boards with nobody else, noisy features."""

from __future__ import annotations

import numpy as np

from pinsage.graph.bipartite import BipartiteGraph, build_graph
from pinsage.training.config import TrainingConfig
from pinsage.training.minibatch import TrainingData
from pinsage.walks.config import WalkConfig
from pinsage.walks.importance import importance_neighborhoods

SMALL = TrainingConfig(
    epochs=3, epoch_steps=8, batch_pairs=128, shared_negatives=64, checkpoint_steps=8, max_hard_negatives=2
)


def planted_graph(num_items: int = 400, num_communities: int = 8) -> BipartiteGraph:
    """Item ``i`` belongs to community ``i % num_communities``; the last items are saved to no board."""
    rng = np.random.default_rng(11)
    boards = rng.integers(0, num_items // 2, num_items * 10)
    members = num_items // num_communities - 1
    items = rng.integers(0, members, len(boards)) * num_communities + boards % num_communities
    return build_graph(items, boards, num_items, num_items // 2)


def planted_data(num_items: int = 400, num_communities: int = 8) -> tuple[TrainingData, np.ndarray]:
    """Data and tuning pairs of `planted_graph`; a positive is of the query's community."""
    rng = np.random.default_rng(12)
    graph = planted_graph(num_items, num_communities)
    members = num_items // num_communities - 1
    neighbors, importances, _ = importance_neighborhoods(graph, range(num_items), WalkConfig(top_t=6), threads=1)
    queries = np.repeat(np.arange(members * num_communities), 4)
    positives = rng.integers(0, members, len(queries)) * num_communities + queries % num_communities
    pairs = np.stack([queries, positives], axis=1).astype(np.int32)
    pairs = pairs[pairs[:, 0] != pairs[:, 1]][rng.permutation((queries != positives).sum())]
    tuned = len(pairs) // 10
    hard_queries = np.unique(pairs[:, 0])[::2].astype(np.int32)
    hard_pools = ((hard_queries[:, None] + 1 + np.arange(4)[None, :]) % num_items).astype(np.int32)
    hard_pools[:, 3] = -1
    centers = rng.standard_normal((num_communities, 12))
    features = centers[np.arange(num_items) % num_communities] + 1.5 * rng.standard_normal((num_items, 12))
    data = TrainingData(
        features=features.astype(np.float32),
        neighbors=neighbors,
        importances=importances,
        log_degrees=np.log1p(graph.item_degrees()).astype(np.float32),
        pairs=pairs[tuned:],
        ages=rng.integers(0, 60, len(pairs) - tuned).astype(np.float32),
        hard_queries=hard_queries,
        hard_pools=hard_pools,
    )
    return data, pairs[:tuned]
