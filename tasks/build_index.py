"""The stage that builds the nearest neighbor index of a day; shards and tuning are in `pinsage.index`."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import structlog

from pinsage.index.annoy_shards import Shard, ShardedIndex, indexable_rows, open_shard, popular_rows
from pinsage.index.config import IndexConfig
from pinsage.index.geometry import Geometry
from pinsage.index.tuning import build_tuned_shard, tune_index
from pinsage.store import Version, Writer
from tasks.session import Session

CODE_VERSION = 1

log = structlog.get_logger()


def build_index(session: Session, embeddings: Version) -> Version:
    """Build Annoy shards over the embeddings, with trees and search effort chosen by measured recall.

    Items without an embedding (a zero vector) are left out.

    Args:
        session: Store and configuration (``index``).
        embeddings: To be indexed; metric and width are theirs.

    Returns:
        The committed version of ``index``: files ``shard-NNN`` with arrays ``rows-NNN``, table ``items`` in row order,
        json ``sidecar`` and ``recall``.

    Raises:
        ValueError: An embedding is not finite, or no item has one.
        RecallTargetMissedError: No allowed number of trees and search effort reaches the target.
    """
    store, config = session.store, session.config.index
    features, graph = store.input_of(embeddings, "features"), store.input_of(embeddings, "graph")
    with store.write(
        "index",
        partition=embeddings.partition,
        inputs=[embeddings, features, graph],
        config=config,
        code_version=CODE_VERSION,
    ) as out:
        if out.is_committed:
            return out.version
        vectors = embeddings.array("embeddings")
        geometry = Geometry.fit(vectors, str(embeddings.facts["metric"]), bool(embeddings.facts["popularity_dim"]))
        rows = indexable_rows(vectors, geometry, 0, len(vectors))
        if len(rows) == 0:
            raise ValueError(f"{embeddings.uri}: all {len(vectors)} embeddings are zero; train the model again")
        shards = np.array_split(rows, num_shards(len(rows), config))
        with tempfile.TemporaryDirectory(prefix="pinsage-index-") as folder:
            built = [
                _shard(out, vectors, shard_rows, geometry, config, number, Path(folder))
                for number, shard_rows in enumerate(shards)
            ]
            head = popular_rows(vectors, rows, geometry, config.head_items)
            index = ShardedIndex(tuple(shard for shard, _ in built), vectors, geometry, config.recall_k, head)
            search_k, recall, curve = tune_index(index, rows, config)
            for shard, _ in built:
                shard.trees.unload()
        out.write_table("items", features.table("item_labels"))
        out.write_array("head", head)
        out.write_array("embeddings", np.asarray(vectors))
        out.write_json(
            "sidecar",
            {
                "geometry": geometry.to_json(),
                "num_shards": len(shards),
                "num_trees": [each["num_trees"] for _, each in built],
                "seeds": [config.seed + number for number in range(len(shards))],
                "search_k": search_k,
                "num_items": len(vectors),
                "num_indexed": len(rows),
                "embeddings": embeddings.content_digest,
            },
        )
        shard_curves = [point for _, each in built for point in each["points"]]
        out.write_json("recall", {**recall, "curve": curve.points, "shard_curves": shard_curves})
        out.facts.update(num_items=len(vectors), num_indexed=len(rows), recall=recall["recall"], search_k=search_k)
        out.measurements.update(seconds_per_query=curve.seconds)
    log.info("build_index", version=out.version.uri, **out.version.facts)
    return out.version


def num_shards(num_rows: int, config: IndexConfig) -> int:
    """Shards of about ``items_per_shard`` items, at most ``max_shards``."""
    return max(1, min(config.max_shards, -(-num_rows // config.items_per_shard)))


def _shard(
    out: Writer,
    vectors: np.ndarray,
    rows: np.ndarray,
    geometry: Geometry,
    config: IndexConfig,
    number: int,
    folder: Path,
) -> tuple[Shard, dict[str, Any]]:
    path, num_trees, curve = build_tuned_shard(
        vectors,
        rows,
        geometry,
        config,
        number,
        folder,
        on_progress=lambda point: log.info("build_index", shard=number, **point),
    )
    out.write_file(f"shard-{number:03d}", path, ".ann")
    out.write_array(f"rows-{number:03d}", rows)
    return open_shard(path, rows, vectors, geometry), {"num_trees": num_trees, "points": curve.points}
