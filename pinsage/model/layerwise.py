"""Inference layer by layer: every latent vector is computed exactly once (Ying et al. 2018, section 3.4).

A layer is projected for all items, then joined and pooled over neighborhoods; both in blocks of rows of a fixed size,
so that the result does not depend on how callers chunk the rows.
"""

from __future__ import annotations

import numpy as np
import torch

from pinsage.model.convolve import PinSageConv
from pinsage.model.pinsage import PinSage

BLOCK_ROWS = 4096


def top_neighbors(neighbors: np.ndarray, importances: np.ndarray, top_t: int) -> tuple[np.ndarray, np.ndarray]:
    """The first ``top_t`` columns, importances normalised anew to sum to 1 (or 0 without neighbors).

    Returns:
        int32 and float32, both [n, min(top_t, T)].
    """
    kept = np.ascontiguousarray(neighbors[:, :top_t])
    weights = np.where(kept >= 0, importances[:, :top_t], 0).astype(np.float32)
    totals = weights.sum(axis=1, keepdims=True)
    return kept, np.divide(weights, totals, out=np.zeros_like(weights), where=totals > 0)


@torch.inference_mode()
def project(convolution: PinSageConv, h: np.ndarray) -> np.ndarray:
    """ReLU(Q h + q) of some rows, float32 [n, H]."""
    parts = [
        convolution.project(torch.from_numpy(np.array(h[start : start + BLOCK_ROWS]))).numpy()
        for start in range(0, len(h), BLOCK_ROWS)
    ]
    return np.concatenate(parts) if parts else np.zeros((0, convolution.neighbor.out_features), np.float32)


@torch.inference_mode()
def convolve(
    convolution: PinSageConv, h: np.ndarray, projected: np.ndarray, neighbors: np.ndarray, importances: np.ndarray
) -> np.ndarray:
    """One layer for some rows.

    Args:
        convolution: The layer.
        h: float32 [n, I], the rows' own vectors of the layer below.
        projected: float32 [num_items, H], every item's projection; may be memory mapped.
        neighbors: int32 [n, T], item rows, -1 for padding.
        importances: float32 [n, T].

    Returns:
        float32 [n, O].
    """
    found = []
    for start in range(0, len(h), BLOCK_ROWS):
        rows = slice(start, start + BLOCK_ROWS)
        # Only the projections that the block needs leave the map.
        needed, positions = np.unique(np.maximum(neighbors[rows], 0), return_inverse=True)
        found.append(
            convolution.pool(
                torch.from_numpy(np.array(h[rows])),
                torch.from_numpy(projected[needed]),
                torch.from_numpy(positions.reshape(neighbors[rows].shape).astype(np.int64)),
                torch.from_numpy(np.ascontiguousarray(importances[rows])),
            ).numpy()
        )
    return np.concatenate(found) if found else np.zeros((0, convolution.update_node.out_features), np.float32)


@torch.inference_mode()
def embed(model: PinSage, h: np.ndarray, log_degrees: np.ndarray) -> np.ndarray:
    """Rows of the index of some items.

    Args:
        model: The network.
        h: float32 [n, H], the last convolution's output.
        log_degrees: float32 [n], log(1 + degree).

    Returns:
        float32 [n, D (+ 1)].
    """
    parts = [
        model.embeddings(
            torch.from_numpy(np.array(h[start : start + BLOCK_ROWS])),
            torch.from_numpy(np.array(log_degrees[start : start + BLOCK_ROWS])),
        ).numpy()
        for start in range(0, len(h), BLOCK_ROWS)
    ]
    return np.concatenate(parts) if parts else np.zeros((0, model.embedding_width), np.float32)
