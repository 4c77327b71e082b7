"""The stage that lends items without saves the neighborhoods of their nearest items by content (an option)."""

from __future__ import annotations

import numpy as np
import structlog

from pinsage.index.exact import exact_top_k
from pinsage.index.geometry import Geometry
from pinsage.store import Version, Writer
from pinsage.walks.borrowed import borrowed_neighborhoods
from tasks.runtime.committing import commit_stage
from tasks.runtime.session import Session
from tasks.runtime.stages import FILL_NEIGHBORHOODS

CONTENT_KINDS = ("vector", "text", "categorical", "numeric")
QUERIES = 256  # cold items compared at once, for the memory of their scores

log = structlog.get_logger()


def fill_neighborhoods(session: Session, features: Version, neighborhoods: Version) -> Version:
    """Fill the neighborhoods that are empty.

    Args:
        session: Store and configuration (``embedding.cold_neighbors``; of ``resources`` the rows per chunk).
        features: Of all items; with json ``columns``, or made with the encoder of features that have it.
        neighborhoods: Of all items.

    Returns:
        ``neighborhoods`` itself where the option is off. Otherwise the committed version of ``filled_neighborhoods``:
        arrays ``neighbors`` and ``importances`` as in ``neighborhoods``; measurement ``num_filled``.
    """
    num_nearest = session.config.embedding.cold_neighbors
    if not num_nearest:
        return neighborhoods

    def write(out: Writer) -> None:
        neighbors, importances = (neighborhoods.array(name) for name in ("neighbors", "importances"))
        content = _content(session, features)
        warm = np.flatnonzero(neighbors[:, 0] >= 0)
        names, num_rows = ["neighbors", "importances"], len(neighbors)
        num_filled = 0
        for rows in out.missing_rows(names, num_rows=num_rows, chunk_rows=session.config.resources.chunk_rows):
            around, weights = (np.array(array[rows.start : rows.stop]) for array in (neighbors, importances))
            cold = np.flatnonzero(around[:, 0] < 0) if content.shape[1] and len(warm) else np.zeros(0, np.int64)
            for start in range(0, len(cold), QUERIES):
                batch = cold[start : start + QUERIES]
                nearest, similarities = exact_top_k(
                    content,
                    warm,
                    batch + rows.start,
                    min(num_nearest, len(warm)),
                    Geometry("angular", content.shape[1]),
                )
                around[batch], weights[batch] = borrowed_neighborhoods(
                    similarities, neighbors[nearest], importances[nearest]
                )
            num_filled += int((around[cold, 0] >= 0).sum())
            out.write_array("neighbors", around, rows=rows)
            out.write_array("importances", weights, rows=rows)
        out.measurements.update(num_filled=num_filled)

    return commit_stage(session, FILL_NEIGHBORHOODS, neighborhoods.partition, [features, neighborhoods], write)


def _content(session: Session, features: Version) -> np.ndarray:
    """The columns that say something about the item itself, [num_items, d]; they come first."""
    described = features if "columns" in features.names() else session.store.input_of(features, "features")
    stops = [block["stop"] for block in described.json("columns") if block["kind"] in CONTENT_KINDS]
    return features.array("features")[:, : max(stops, default=0)]
