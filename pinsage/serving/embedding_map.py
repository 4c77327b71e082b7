"""The embedding space as a plane that people can look at: a place between 0 and 1 for every item.

t-SNE (van der Maaten & Hinton 2008) of a sample of landmarks, seeded and started from their principal components; every
other item is put among the landmarks that are nearest to it. Distances on the map are a picture, no measure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree
from sklearn.manifold import TSNE
from threadpoolctl import threadpool_limits

from pinsage.index.geometry import row_blocks
from pinsage.serving.config import ServingConfig
from pinsage.serving.published import PublishedIndex
from pinsage.unit_rows import unit_rows

LANDMARKS = 2000
PERPLEXITY = 30
ITERATIONS = 400
# Nearest landmarks that an item is put among, and how sharply the nearest one wins over one of the average distance.
NEAREST = 6
SHARPNESS = 4.0


@dataclass(frozen=True)
class EmbeddingMap:
    """Places of items.

    Attributes:
        rows: int64 [n], the items on the map, ascending.
        places: float32 [n, 2], each between 0 and 1.
    """

    rows: np.ndarray
    places: np.ndarray
    _tree: cKDTree

    @classmethod
    def of(cls, published: PublishedIndex, config: ServingConfig) -> EmbeddingMap:
        """Place the items of a version that have an embedding, or a sample of them; popularity is left out."""
        index = published.index
        rows = np.sort(np.concatenate([np.asarray(shard.item_rows, dtype=np.int64) for shard in index.shards]))
        rng = np.random.default_rng(config.seed)
        if len(rows) > config.map_points:
            rows = np.sort(rng.choice(rows, config.map_points, replace=False))
        width = index.embeddings.shape[1] - index.geometry.popularity_dim
        places = project(unit_rows(np.asarray(index.embeddings[rows][:, :width])), config.seed)
        return cls(rows, places, cKDTree(places))

    def places_of(self, rows: Sequence[int]) -> list[tuple[float, float] | None]:
        """Where some items are; None for one that is not on the map."""
        positions = np.searchsorted(self.rows, rows)
        return [
            (round(float(self.places[at][0]), 5), round(float(self.places[at][1]), 5))
            if at < len(self.rows) and self.rows[at] == row
            else None
            for at, row in zip(positions, rows, strict=True)
        ]

    def nearest(self, x: float, y: float) -> int:
        """Row of the item that is nearest to a place."""
        return int(self.rows[self._tree.query([x, y])[1]])


def project(vectors: np.ndarray, seed: int) -> np.ndarray:
    """Places float32 [n, 2] in the unit square of unit vectors float32 [n, d], a function of both arguments alone."""
    chosen = np.sort(np.random.default_rng(seed).permutation(len(vectors))[:LANDMARKS])
    landmarks = vectors[chosen]
    placed = _landmark_places(landmarks, seed)
    places = np.empty((len(vectors), 2), dtype=np.float32)
    nearest = min(NEAREST, len(landmarks))
    for rows in row_blocks(len(vectors), 8192):
        cosines = vectors[rows] @ landmarks.T
        near = np.argpartition(-cosines, nearest - 1, axis=1)[:, :nearest]
        distances = 1 - np.take_along_axis(cosines, near, axis=1)
        gaps = distances - distances.min(axis=1, keepdims=True)
        weights = np.exp(-SHARPNESS * gaps / np.maximum(gaps.mean(axis=1, keepdims=True), 1e-9))
        places[rows] = np.einsum("nk,nkc->nc", weights / weights.sum(axis=1, keepdims=True), placed[near])
    low, high = places.min(axis=0), places.max(axis=0)
    return ((places - low) / np.maximum(high - low, 1e-9)).astype(np.float32)


def _landmark_places(landmarks: np.ndarray, seed: int) -> np.ndarray:
    if len(landmarks) <= 3 * PERPLEXITY:  # too few for t-SNE to say anything: the first two principal components
        centered = landmarks - landmarks.mean(axis=0)
        return centered @ np.linalg.svd(centered, full_matrices=False)[2][:2].T
    with threadpool_limits(limits=1):  # sums that are split among threads differ in their last bits
        tsne = TSNE(
            perplexity=PERPLEXITY, metric="cosine", init="pca", max_iter=ITERATIONS, random_state=seed, n_jobs=1
        )
        placed: np.ndarray = tsne.fit_transform(landmarks)
    return placed
