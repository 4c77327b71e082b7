"""From the model's score to the angular space that Annoy's trees split (Ying et al. 2018, section 3.4, uses LSH).

The model scores an item i for a query q either by cosine ("angular") or by inner product ("dot"), where the last column
may hold a learned popularity term p_i beside a unit vector u_i: score = u_q . u_i + w p_i. Annoy's own "dot" metric
finds such neighbors badly. Four rank-preserving steps turn the inner product into an angle and spread the angles:

1. shift:   p_i - c adds the same constant to every score of a query; c is the middle of the range of p.
2. balance: p_i is multiplied by b and the query's weight divided by b, so that neither side's norm is dominated by it;
            b^2 = w / (half the range of p) makes the largest angle as large as possible.
3. augment: one more column sqrt(R^2 - |x_i|^2) gives all items the norm R (0 on the query's side), so that the
            largest inner product is the smallest angle (Bachrach et al. 2014, Neyshabur & Srebro 2015).
4. the trees are angular.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np

from pinsage.arrays.unit_rows import unit_rows

METRICS = ("angular", "dot")
ROW_BLOCK = 65_536


@dataclass(frozen=True)
class Geometry:
    """How vectors of the model become vectors of the trees; a few numbers, the same for every shard.

    Attributes:
        metric: ``"angular"`` (cosine) or ``"dot"`` (inner product).
        width: columns of an embedding, the popularity term included.
        popularity_dim: whether the last column is the item's popularity term.
        query_weight: what a query has in the popularity column (w above); 0 without that column.
        center: c above.
        balance: b above.
        radius: R above; 0 for the angular metric, which needs no augmentation.
    """

    metric: str
    width: int
    popularity_dim: bool = False
    query_weight: float = 0.0
    center: float = 0.0
    balance: float = 1.0
    radius: float = 0.0

    @classmethod
    def fit(cls, embeddings: np.ndarray, metric: str, popularity_dim: bool = False, query_weight: float = 1.0) -> Self:
        """Read range and norm off ``embeddings`` float [num_items, width], block by block.

        Raises:
            ValueError: unknown metric, a popularity term without inner product, or NaN or infinite values.
        """
        if metric not in METRICS:
            raise ValueError(f"metric {metric!r} is unknown; known: {', '.join(METRICS)}")
        if popularity_dim and metric != "dot":
            raise ValueError("a popularity term needs the metric 'dot': a cosine would normalise it away")
        width = embeddings.shape[1]
        check_finite(embeddings)
        if metric == "angular":
            return cls(metric, width)
        center, balance = 0.0, 1.0
        if popularity_dim and len(embeddings):
            popularity = np.asarray(embeddings[:, -1], dtype=np.float64)
            low, high = float(popularity.min()), float(popularity.max())
            center, half_range = (low + high) / 2, (high - low) / 2
            if half_range > 0 and query_weight > 0:
                balance = float(np.sqrt(query_weight / half_range))
        flat = cls(metric, width, popularity_dim, query_weight if popularity_dim else 0.0, center, balance)
        norms = [np.linalg.norm(flat._shift(embeddings[rows]), axis=1) for rows in row_blocks(len(embeddings))]
        radius = float(max((block.max() for block in norms), default=0.0))
        return cls(metric, width, popularity_dim, flat.query_weight, center, balance, radius)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Self:
        """Inverse of `to_json`."""
        return cls(**values)

    def to_json(self) -> dict[str, Any]:
        """As plain values; floats survive JSON exactly."""
        return asdict(self)

    @property
    def tree_width(self) -> int:
        """Columns of a vector in the trees."""
        return self.width + (self.metric == "dot")

    def queries(self, item_vectors: np.ndarray, popularity_weight: float = 1.0) -> np.ndarray:
        """Items asked as queries: float32 [n, width]; the popularity column holds the query's weight.

        Args:
            item_vectors: float [n, width] rows of the embeddings.
            popularity_weight: 1 scores as the model does, 0 leaves popularity out.
        """
        queries = np.array(item_vectors, dtype=np.float32, ndmin=2)
        if self.popularity_dim:
            queries[:, -1] = self.query_weight * popularity_weight
        return queries

    def scores(self, queries: np.ndarray, item_vectors: np.ndarray) -> np.ndarray:
        """The model's scores, float32 [q, n] of ``queries`` [q, width] and ``item_vectors`` [n, width]."""
        if self.metric == "angular":
            queries, item_vectors = unit_rows(np.atleast_2d(queries)), unit_rows(item_vectors)
        return np.asarray(queries, dtype=np.float32) @ np.asarray(item_vectors, dtype=np.float32).T

    def tree_items(self, item_vectors: np.ndarray) -> np.ndarray:
        """Items in the space of the trees: float32 [n, tree_width]."""
        if self.metric == "angular":
            return unit_rows(item_vectors)
        shifted = self._shift(item_vectors)
        rest = np.sqrt(np.maximum(self.radius**2 - np.einsum("nd,nd->n", shifted, shifted), 0.0))
        return np.hstack([shifted, rest[:, None]]).astype(np.float32)

    def tree_queries(self, queries: np.ndarray) -> np.ndarray:
        """Queries in the space of the trees: float32 [q, tree_width]."""
        if self.metric == "angular":
            return unit_rows(np.atleast_2d(queries))
        queries = np.array(queries, dtype=np.float32, ndmin=2)
        if self.popularity_dim:
            queries[:, -1] /= self.balance
        return np.hstack([queries, np.zeros((len(queries), 1), dtype=np.float32)])

    def content_norms(self, item_vectors: np.ndarray) -> np.ndarray:
        """Norms without the popularity term, float64 [n]; an item of norm 0 has no embedding."""
        vectors = item_vectors[:, :-1] if self.popularity_dim else item_vectors
        return np.linalg.norm(np.asarray(vectors, dtype=np.float64), axis=1)

    def _shift(self, item_vectors: np.ndarray) -> np.ndarray:
        shifted = np.array(item_vectors, dtype=np.float64)
        if self.popularity_dim:
            shifted[:, -1] = (shifted[:, -1] - self.center) * self.balance
        return shifted


def row_blocks(num_rows: int, block: int = ROW_BLOCK) -> list[slice]:
    """Slices that cover ``num_rows`` rows in order."""
    return [slice(start, min(start + block, num_rows)) for start in range(0, num_rows, block)]


def check_finite(embeddings: np.ndarray, first_row: int = 0) -> None:
    """Refuse NaN and infinite values, which Annoy would take silently.

    Raises:
        ValueError: naming how many rows are affected and the first of them.
    """
    bad: list[int] = []
    for rows in row_blocks(len(embeddings)):
        finite = np.isfinite(embeddings[rows]).all(axis=1)
        bad.extend((np.flatnonzero(~finite) + rows.start).tolist())
    if bad:
        shown = ", ".join(str(row + first_row) for row in bad[:5])
        raise ValueError(
            f"embeddings: {len(bad)} of {len(embeddings)} rows hold NaN or infinite values (item rows {shown}"
            f"{', ...' if len(bad) > 5 else ''}); embed the items again"
        )
