"""Annoy shards: built to the same bytes every time, opened only when they are what they should be, merged at query.

Annoy takes the file descriptor 0 for "no file": in a process without standard input, a file that it maps may get that
number, and on closing it the process dies. So the number is taken before Annoy opens anything.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
from annoy import AnnoyIndex

from pinsage.index.geometry import Geometry, check_finite, row_blocks

OVERFETCH = 2


class IndexFileError(RuntimeError):
    """A shard file is not the index it is said to be."""


@dataclass(frozen=True)
class Shard:
    """One opened Annoy file and the item rows behind its positions.

    Attributes:
        trees: the memory-mapped Annoy index.
        item_rows: int32 [items of the shard], ascending; position in the trees -> item row.
    """

    trees: AnnoyIndex
    item_rows: np.ndarray


def indexable_rows(embeddings: np.ndarray, geometry: Geometry, start: int, stop: int) -> np.ndarray:
    """Item rows in start <= row < stop that have an embedding (norm above 0), int32 ascending.

    Raises:
        ValueError: an embedding holds NaN or infinite values.
    """
    found = [np.empty(0, dtype=np.int32)]
    for block in row_blocks(stop - start):
        rows = slice(start + block.start, start + block.stop)
        vectors = np.asarray(embeddings[rows])
        check_finite(vectors, first_row=rows.start)
        found.append((np.flatnonzero(geometry.content_norms(vectors) > 0) + rows.start).astype(np.int32))
    return np.concatenate(found)


def build_shard_file(
    embeddings: np.ndarray, item_rows: np.ndarray, geometry: Geometry, path: Path, num_trees: int, seed: int
) -> None:
    """Write one Annoy file over ``embeddings[item_rows]`` to ``path``; the same arguments give the same bytes.

    Reproducible because the seed is set and one thread builds (more threads race for tree numbers).

    Args:
        embeddings: float [num_items, width].
        item_rows: int [n] item rows of this shard; position in the file = position here, so ids stay dense
            (an id of 5,000,000 would allocate for all ids below it).
        geometry: shared by all shards.
        path: new file.
        num_trees: trees.
        seed: >= 0.

    Raises:
        ValueError: NaN, infinite or zero vectors, naming the first row; or no item at all.
    """
    if len(item_rows) == 0:
        raise ValueError("a shard needs at least one item")
    trees = _empty_trees(geometry)
    trees.set_seed(seed + 1)  # Annoy takes 0 as "not set"
    for block in row_blocks(len(item_rows), 8192):
        vectors = np.asarray(embeddings[item_rows[block]])
        check_finite(vectors)
        norms = geometry.content_norms(vectors)
        if not norms.all():
            row = int(item_rows[block][np.flatnonzero(norms == 0)[0]])
            raise ValueError(f"item row {row} has a zero vector, which is equally far from everything; leave it out")
        for position, vector in enumerate(geometry.tree_items(vectors).tolist(), start=block.start):
            trees.add_item(position, vector)
    trees.build(num_trees, n_jobs=1)
    trees.save(str(path))
    trees.unload()


def open_shard(path: Path, item_rows: np.ndarray, embeddings: np.ndarray, geometry: Geometry) -> Shard:
    """Map a shard file whose size and digest the caller has checked, and probe it.

    Annoy loads a truncated file and crashes the process on the first query, so its bytes must be verified before. What
    is checked here is that the file belongs to these embeddings.

    Raises:
        IndexFileError: another number of items, or the first, middle or last vector differs.
    """
    trees = _empty_trees(geometry)
    try:
        trees.load(str(path))
    except OSError as error:
        raise IndexFileError(f"{path.name}: not an Annoy file of width {geometry.tree_width}: {error}") from error
    if trees.get_n_items() != len(item_rows):
        raise IndexFileError(f"{path.name}: holds {trees.get_n_items()} items, expected {len(item_rows)}")
    for position in sorted({0, len(item_rows) // 2, len(item_rows) - 1}):
        row = int(item_rows[position])
        expected = geometry.tree_items(np.asarray(embeddings[row : row + 1]))[0]
        if not np.allclose(trees.get_item_vector(position), expected, rtol=1e-4, atol=1e-5):
            raise IndexFileError(f"{path.name}: vector {position} differs from the embedding of item row {row}")
    return Shard(trees, item_rows)


def _empty_trees(geometry: Geometry) -> AnnoyIndex:
    # The lowest free number; 0 stays open, for another thread may load meanwhile.
    descriptor = os.open(os.devnull, os.O_RDONLY)
    if descriptor != 0:
        os.close(descriptor)
    return AnnoyIndex(geometry.tree_width, "angular")


def popular_rows(embeddings: np.ndarray, rows: np.ndarray, geometry: Geometry, num_rows: int) -> np.ndarray:
    """The rows with the highest popularity terms, int32 ascending; none without such a term.

    Popular items are among the answers of nearly every query, from far away: trees, which look nearby, find them late.
    """
    if not geometry.popularity_dim:
        return np.empty(0, dtype=np.int32)
    terms = np.asarray(embeddings[rows, -1])
    return np.sort(rows[np.lexsort((rows, -terms))[:num_rows]]).astype(np.int32)


@dataclass(frozen=True)
class ShardedIndex:
    """All shards of one index version, asked together; read-only, safe in threads.

    Attributes:
        shards: opened shards.
        embeddings: float32 [num_items, width], for the exact scores of what the trees find.
        geometry: how the model scores.
        search_k: tree nodes inspected in each shard for one query.
        head_rows: item rows scored for every query beside what the trees find (see `popular_rows`), ascending.
    """

    shards: tuple[Shard, ...]
    embeddings: np.ndarray
    geometry: Geometry
    search_k: int
    head_rows: np.ndarray = field(default_factory=lambda: np.empty(0, dtype=np.int32))

    def search(
        self, query: np.ndarray, k: int, exclude: np.ndarray | None = None, search_k: int | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """The best items of one query.

        Every shard gives twice as many candidates as asked, which are then ordered by the model's own score: Annoy's
        float32 angles can't tell near neighbors apart when all angles are small.

        Args:
            query: float [width], in the model's space (see `Geometry.queries`).
            k: items wanted; fewer come back only when the trees hold fewer.
            exclude: item rows never answered.
            search_k: overrides the search effort.

        Returns:
            Item rows int64 [<= k] and scores float32 [<= k], best first, equal scores by item row.
        """
        excluded = np.empty(0, dtype=np.int64) if exclude is None else np.unique(exclude)
        wanted = OVERFETCH * (k + len(excluded))
        vector = self.geometry.tree_queries(query)[0].tolist()
        effort = max(search_k if search_k is not None else self.search_k, wanted)
        found = [
            shard.item_rows[shard.trees.get_nns_by_vector(vector, wanted, search_k=effort)] for shard in self.shards
        ]
        rows = np.concatenate([np.empty(0, dtype=np.int32), *found])  # shards have no item in common
        if len(self.head_rows):
            rows = rows[~np.isin(rows, self.head_rows)]
        scores = self.geometry.scores(np.atleast_2d(query), np.asarray(self.embeddings[rows]))[0]
        if len(self.head_rows):
            rows = np.concatenate([rows, self.head_rows])
            scores = np.concatenate([scores, self.geometry.scores(np.atleast_2d(query), self._head_vectors)[0]])
        if len(excluded):
            allowed = ~np.isin(rows, excluded)
            rows, scores = rows[allowed], scores[allowed]
        if k < len(rows):  # few are sorted
            kept = scores >= np.partition(scores, len(scores) - k)[len(scores) - k]
            rows, scores = rows[kept], scores[kept]
        order = np.lexsort((rows, -scores))[:k]
        return rows[order].astype(np.int64), scores[order]

    @cached_property
    def _head_vectors(self) -> np.ndarray:
        return np.asarray(self.embeddings[self.head_rows])
