"""Minibatches: a step's pairs and negatives, and the re-indexed subgraph that they reach (algorithm 2).

Everything is a function of (seed, step), so a resumed training draws what an undisturbed one would have drawn.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numba import njit
from torch import Tensor

from pinsage.arrays.mapped_rows import read_rows
from pinsage.model.config import ModelConfig
from pinsage.model.layerwise import top_neighbors
from pinsage.model.pinsage import Block
from pinsage.training.config import TrainingConfig
from pinsage.training.recency import draw_weights
from pinsage.training.schedule import num_hard_negatives


@dataclass(frozen=True)
class TrainingData:
    """What a training reads; arrays may be mapped from files that are larger than memory.

    Attributes:
        features: float32 [num_items, F].
        neighbors: int32 [num_items, T], -1 for padding; a model pools over the first ``top_t``.
        importances: float32 [num_items, T].
        log_degrees: float32 [num_items].
        pairs: int32 [n, 2], (query row, item row).
        ages: float32 [n], days from each pair to the end of the as-of day.
        hard_queries: int32 [q], ascending query rows that have hard negatives.
        hard_pools: int32 [q, P], their pools, -1 for padding.
    """

    features: np.ndarray
    neighbors: np.ndarray
    importances: np.ndarray
    log_degrees: np.ndarray
    pairs: np.ndarray
    ages: np.ndarray
    hard_queries: np.ndarray
    hard_pools: np.ndarray

    @property
    def num_items(self) -> int:
        """Items in the catalogue."""
        return len(self.features)


@dataclass(frozen=True)
class Minibatch:
    """One step, or one process's part of it.

    ``query``, ``item``, ``shared`` and ``hard`` are positions among the embedded nodes, ``hard`` -1 for padding;
    ``shared_log_counts`` is the logarithm of how often a step draws each shared negative, on average.
    """

    features: Tensor
    blocks: list[Block]
    log_degrees: Tensor
    query: Tensor
    item: Tensor
    shared: Tensor
    shared_log_counts: Tensor
    hard: Tensor

    def to(self, device: torch.device) -> Minibatch:
        """The same on ``device``; to CUDA through pinned memory, so that the copy runs beside the computation."""
        if device.type == "cpu":
            return self

        def moved(tensor: Tensor) -> Tensor:
            return tensor.pin_memory().to(device, non_blocking=True)

        blocks = [Block(moved(block.neighbors), moved(block.importances)) for block in self.blocks]
        tensors = {name: moved(value) for name, value in vars(self).items() if name != "blocks"}
        return Minibatch(blocks=blocks, **tensors)


class MinibatchBuilder:
    """Builds the minibatch of any step.

    Args:
        data: Features, neighborhoods and pairs.
        config: Sizes and seed.
        model_config: Layers (K) and the neighbors pooled over (T).
        part: Which part of a step's pairs is wanted, counted from 0; negatives are shared by all parts.
        num_parts: Equal parts that a step is split into.

    Raises:
        ValueError: The pairs of a step can't be split equally.
    """

    def __init__(
        self,
        data: TrainingData,
        config: TrainingConfig,
        model_config: ModelConfig,
        part: int = 0,
        num_parts: int = 1,
    ) -> None:
        if config.batch_pairs % num_parts:
            raise ValueError(
                f"training.batch_pairs={config.batch_pairs} can't be split equally among {num_parts} processes; "
                "choose a multiple"
            )
        self._data, self._config, self._model_config = data, config, model_config
        self._part, self._num_parts = part, num_parts
        weights = draw_weights(data.ages, config.half_life_days)
        self._drawn_below = np.cumsum(weights)
        self._log_counts = _log_counts(data, weights, config)
        self._position = np.full(data.num_items, -1, np.int32)

    def build(self, step: int) -> Minibatch:
        """The minibatch of ``step``, counted from 0."""
        data, config, top_t = self._data, self._config, self._model_config.top_t
        rng = np.random.default_rng((config.seed, step))
        places = np.searchsorted(self._drawn_below, rng.random(config.batch_pairs) * self._drawn_below[-1], "right")
        drawn = read_rows(data.pairs, np.minimum(places, len(data.pairs) - 1))
        shared = rng.integers(data.num_items, size=config.shared_negatives).astype(np.int32)
        if config.in_batch_negatives:
            shared = np.concatenate([shared, drawn[:, 1]])  # of the whole step, so that its parts add up to it
        hard = self._hard_negatives(rng, drawn[:, 0], num_hard_negatives(step, config))
        size = config.batch_pairs // self._num_parts
        own = slice(self._part * size, (self._part + 1) * size)
        drawn, hard = drawn[own], hard[own]
        rows = np.unique(np.concatenate([drawn.ravel(), shared, hard[hard >= 0]]))
        blocks: list[Block] = []
        nodes = rows.astype(np.int32)
        for _ in range(self._model_config.num_layers):
            near, importances = (read_rows(array[:, :top_t], nodes) for array in (data.neighbors, data.importances))
            around, weights = top_neighbors(near, importances, top_t)
            relabelled, nodes_below = reach(nodes, around, self._position)
            blocks.insert(0, Block(torch.from_numpy(relabelled), torch.from_numpy(weights)))
            nodes = nodes_below
        return Minibatch(
            features=torch.from_numpy(read_rows(data.features, nodes)),
            blocks=blocks,
            log_degrees=torch.from_numpy(data.log_degrees[rows]),
            query=torch.from_numpy(np.searchsorted(rows, drawn[:, 0])),
            item=torch.from_numpy(np.searchsorted(rows, drawn[:, 1])),
            shared=torch.from_numpy(np.searchsorted(rows, shared)),
            shared_log_counts=torch.from_numpy(self._log_counts[shared]),
            hard=torch.from_numpy(np.where(hard >= 0, np.searchsorted(rows, hard), -1)),
        )

    def _hard_negatives(self, rng: np.random.Generator, queries: np.ndarray, num: int) -> np.ndarray:
        pools, known = self._data.hard_pools, self._data.hard_queries
        if num == 0 or len(known) == 0:
            return np.zeros((len(queries), 0), np.int64)
        found = np.minimum(np.searchsorted(known, queries), len(known) - 1)
        pools = read_rows(pools, found)
        # Pools are padded at their end.
        sizes = np.where(known[found] == queries, (pools >= 0).sum(axis=1), 0)[:, None]
        picks = (rng.random((len(queries), num)) * sizes).astype(np.int64)
        return np.where(sizes > 0, np.take_along_axis(pools, picks, axis=1), -1).astype(np.int64)


def _log_counts(data: TrainingData, weights: np.ndarray, config: TrainingConfig) -> np.ndarray:
    """Logarithm of the mean number of times that a step draws each item as a shared negative, float32 [num_items]."""
    counts = np.full(data.num_items, config.shared_negatives / data.num_items)
    if config.in_batch_negatives:
        share = weights / weights.sum()
        counts += config.batch_pairs * np.bincount(data.pairs[:, 1], weights=share, minlength=data.num_items)
    return np.log(counts).astype(np.float32)


@njit(nogil=True, cache=True)
def reach(nodes: np.ndarray, neighbors: np.ndarray, position: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Relabel neighborhoods to positions among the nodes of the layer below, in order of first appearance.

    Args:
        nodes: int32 [M] item rows, distinct.
        neighbors: int32 [M, T] item rows, -1 for padding.
        position: int32 [num_items] scratch filled with -1; it is left filled with -1.

    Returns:
        int64 [M, T] positions, -1 for padding; int32 [N] item rows of the layer below, which begin with ``nodes``.
    """
    num_rows, top_t = neighbors.shape
    below = np.empty(num_rows * (top_t + 1), np.int32)
    below[:num_rows] = nodes
    for row in range(num_rows):
        position[nodes[row]] = row
    found = num_rows
    relabelled = np.empty((num_rows, top_t), np.int64)
    for row in range(num_rows):
        for place in range(top_t):
            item = neighbors[row, place]
            if item < 0:
                relabelled[row, place] = -1
                continue
            if position[item] < 0:
                position[item] = found
                below[found] = item
                found += 1
            relabelled[row, place] = position[item]
    for place in range(found):
        position[below[place]] = -1
    return relabelled, below[:found].copy()
