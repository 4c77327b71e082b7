"""The stage that builds the nearest neighbor index of a day; trees and tuning are in `pinsage.index`.

Shards are versions of their own (``index_shards``), built apart: by `build_index` in processes of its own, or by
several callers of `build_shard`.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import structlog

from pinsage.index.annoy_shards import ShardedIndex, indexable_rows, open_shard, popular_rows
from pinsage.index.config import IndexConfig
from pinsage.index.embedding_map import map_items
from pinsage.index.geometry import Geometry, row_blocks
from pinsage.index.tuning import build_tuned_shard, tune_index
from pinsage.store import Store, Version, Writer
from tasks.runtime.committing import commit_stage
from tasks.runtime.dask_cluster import map_chunks
from tasks.runtime.session import Session
from tasks.runtime.stages import BUILD_INDEX, BUILD_SHARD

log = structlog.get_logger()


def plan_shards(session: Session, embeddings: Version) -> list[int]:
    """The numbers of the shards that the embeddings are divided into.

    Raises:
        ValueError: An embedding is not finite, or no item has one.
    """
    _, rows = _indexed(embeddings)
    return list(range(num_shards(len(rows), session.config.index)))


def build_shard(number: int, root: str, embeddings_uri: str, config: IndexConfig) -> str:
    """Build one shard, with as many trees as its recall needs; the same arguments give the same bytes.

    Args:
        number: One of `plan_shards`.
        root: The store's root.
        embeddings_uri: The embeddings.
        config: Targets, limits and seed.

    Returns:
        URI of the committed version of ``index_shards``: file ``shard`` (Annoy), array ``rows`` int32, json ``curve``.

    Raises:
        RecallTargetMissedError: No allowed number of trees and search effort reaches the target.
    """
    store = Store.open(root)
    embeddings = store.version(embeddings_uri)
    with store.write(
        BUILD_SHARD.dataset,
        partition=embeddings.partition,
        inputs=[embeddings],
        config={**config.model_dump(mode="json"), "shard": number},
        code_version=BUILD_SHARD.code_version,
    ) as out:
        if out.is_committed:
            return out.version.uri
        geometry, indexed = _indexed(embeddings)
        rows = np.array_split(indexed, num_shards(len(indexed), config))[number]
        vectors = embeddings.array("embeddings")
        with tempfile.TemporaryDirectory(prefix="pinsage-shard-") as folder:
            path, num_trees, curve = build_tuned_shard(
                vectors,
                rows,
                geometry,
                config,
                number,
                Path(folder),
                on_progress=lambda point: log.info("build_shard", **point),
            )
            out.write_file("shard", path, ".ann")
        out.write_array("rows", rows)
        out.write_json("curve", curve.points)
        out.facts.update(num_trees=num_trees, num_items=len(rows), seed=config.seed + number)
        out.measurements.update(seconds_per_query=curve.seconds)
    return out.version.uri


def build_index(session: Session, embeddings: Version) -> Version:
    """Build the shards that are missing, choose the search effort of all of them by measured recall, and commit.

    Items whose vector is zero, about which the model says nothing, are left out and counted.

    Args:
        session: Store and configuration (``index``; of ``resources`` the workers).
        embeddings: To be indexed; metric and width are theirs.

    Returns:
        The committed version of ``index``: files ``shard-NNN`` with arrays ``rows-NNN``, array ``embeddings`` and the
        same as a Parquet table ``vectors``, table ``items`` in row order, json ``sidecar`` and ``recall``; arrays
        ``map_rows`` and ``map_places`` (see `pinsage.index.embedding_map`) where a map is wanted.

    Raises:
        ValueError: An embedding is not finite, or no item has one.
        RecallTargetMissedError: No allowed number of trees and search effort reaches the target.
    """
    store, config = session.store, session.config.index
    features, graph = store.input_of(embeddings, "features"), store.input_of(embeddings, "graph")

    def write(out: Writer) -> None:
        vectors = embeddings.array("embeddings")
        geometry, rows = _indexed(embeddings)
        numbers = range(num_shards(len(rows), config))
        uris = map_chunks(
            build_shard,
            numbers,
            store.root,
            embeddings.uri,
            config,
            resources=session.config.resources,
            name=BUILD_SHARD.name,
        )
        shards = [store.version(uri) for uri in uris]
        opened = tuple(
            open_shard(shard.path("shard"), np.asarray(shard.array("rows")), vectors, geometry) for shard in shards
        )
        head = popular_rows(vectors, rows, geometry, config.head_items)
        index = ShardedIndex(opened, vectors, geometry, config.recall_k, head)
        search_k, recall, curve = tune_index(index, rows, config)
        for each in opened:
            each.trees.unload()
        for number, shard in zip(numbers, shards, strict=True):
            out.write_file(f"shard-{number:03d}", shard.path("shard"), ".ann")
            out.write_array(f"rows-{number:03d}", np.asarray(shard.array("rows")))
        labels = features.table("item_labels")
        out.write_table("items", labels)
        out.write_array("head", head)
        out.write_array("embeddings", np.asarray(vectors))
        if config.map_points:
            placed, places = map_items(vectors, rows, geometry, config.map_points, config.seed)
            out.write_array("map_rows", placed)
            out.write_array("map_places", places)
        batches, schema = _vectors(labels.column("item_id"), vectors)
        out.write_table("vectors", batches, schema)
        out.write_json("sidecar", _sidecar(embeddings, len(vectors), len(rows), geometry, shards, search_k))
        shard_curves = [point for shard in shards for point in shard.json("curve")]
        out.write_json("recall", {**recall, "curve": curve.points, "shard_curves": shard_curves})
        out.facts.update(num_items=len(vectors), num_indexed=len(rows), recall=recall["recall"], search_k=search_k)
        out.measurements.update(
            seconds_per_query=curve.seconds,
            shard_seconds_per_query=[each for shard in shards for each in shard.measurements["seconds_per_query"]],
        )

    return commit_stage(session, BUILD_INDEX, embeddings.partition, [embeddings, features, graph], write)


def num_shards(num_rows: int, config: IndexConfig) -> int:
    """Shards of about ``items_per_shard`` items, at most ``max_shards``."""
    return max(1, min(config.max_shards, -(-num_rows // config.items_per_shard)))


def _indexed(embeddings: Version) -> tuple[Geometry, np.ndarray]:
    """The geometry of all shards and the rows that have an embedding."""
    vectors = embeddings.array("embeddings")
    geometry = Geometry.fit(vectors, str(embeddings.facts["metric"]), bool(embeddings.facts["popularity_dim"]))
    rows = indexable_rows(vectors, geometry, 0, len(vectors))
    if len(rows) == 0:
        raise ValueError(f"{embeddings.uri}: all {len(vectors)} embeddings are zero; train the model again")
    return geometry, rows


def _sidecar(
    embeddings: Version, num_items: int, num_indexed: int, geometry: Geometry, shards: list[Version], search_k: int
) -> dict[str, Any]:
    """All that a reader must know beside the shards, and what they must be."""
    files = [next(file for file in shard.manifest.files if file.name == "shard") for shard in shards]
    (model,) = (item for item in embeddings.inputs if item.uri.startswith("model/"))
    return {
        "metric": geometry.metric,
        "width": geometry.width,
        "geometry": geometry.to_json(),
        "num_shards": len(shards),
        "shards": [
            {**shard.facts, "sha256": file.sha256, "size_bytes": file.size}
            for shard, file in zip(shards, files, strict=True)
        ],
        "search_k": search_k,
        "num_items": num_items,
        "num_indexed": num_indexed,
        "num_zero": num_items - num_indexed,
        "embeddings": embeddings.content_digest,
        "model": model.content_digest,
    }


def _vectors(item_ids: pa.ChunkedArray, vectors: np.ndarray) -> tuple[Iterator[pa.RecordBatch], pa.Schema]:
    """The embeddings as a table: item_id, embedding."""
    width = vectors.shape[1]
    schema = pa.schema([("item_id", item_ids.type), ("embedding", pa.list_(pa.float32(), width))])

    def batches() -> Iterator[pa.RecordBatch]:
        for rows in row_blocks(len(vectors)):
            values = pa.array(np.asarray(vectors[rows], dtype=np.float32).reshape(-1))
            ids = item_ids.slice(rows.start, rows.stop - rows.start).combine_chunks()
            yield pa.record_batch([ids, pa.FixedSizeListArray.from_arrays(values, width)], schema=schema)

    return batches(), schema
