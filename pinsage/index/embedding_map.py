"""The embedding space as a plane that people can look at: a place between 0 and 1 for every item.

t-SNE (van der Maaten & Hinton 2008) of a sample of landmarks, seeded and started from their principal components; every
other item is put among the landmarks that are nearest to it. Distances on the map are a picture, no measure.
The time is bounded by the landmarks and grows with the items on the map alone.
"""

from __future__ import annotations

import numpy as np
from sklearn.manifold import TSNE
from threadpoolctl import threadpool_limits

from pinsage.arrays.unit_rows import unit_rows
from pinsage.index.geometry import Geometry, row_blocks

LANDMARKS = 2000
PERPLEXITY = 30
ITERATIONS = 400
# Nearest landmarks that an item is put among, and how sharply the nearest one wins over one of the average distance.
NEAREST = 6
SHARPNESS = 4.0


def map_items(
    embeddings: np.ndarray, rows: np.ndarray, geometry: Geometry, num_points: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Place items on the map; popularity is left out.

    Args:
        embeddings: float32 [num_items, width].
        rows: int32 [n] ascending, the items that have an embedding.
        geometry: how the model scores.
        num_points: items on the map, drawn uniformly from ``rows`` where those are more.
        seed: of the draw and of the projection.

    Returns:
        Item rows int32 [m], ascending, and places float32 [m, 2], each between 0 and 1.
    """
    if len(rows) > num_points:
        rows = np.sort(np.random.default_rng(seed).choice(rows, num_points, replace=False))
    if len(rows) == 0:
        return rows, np.empty((0, 2), dtype=np.float32)
    width = geometry.width - geometry.popularity_dim
    return rows, project(unit_rows(np.asarray(embeddings[rows][:, :width])), seed)


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
