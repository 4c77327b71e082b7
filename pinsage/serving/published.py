"""One published index version, opened: shards mapped, labels read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from pinsage.index.annoy_shards import ShardedIndex, open_shard
from pinsage.index.geometry import Geometry
from pinsage.store import Version


@dataclass(frozen=True)
class PublishedIndex:
    """What answers are made from; read-only.

    Attributes:
        version: The ``index`` version.
        index: Its shards.
        items: Labels in row order: item_id, title, category, image_url.
        row_of: item_id -> row.
    """

    version: Version
    index: ShardedIndex
    items: pa.Table
    row_of: dict[Any, int]


def open_published(version: Version) -> PublishedIndex:
    """Open an ``index`` version; every file's digest is checked before it is mapped.

    Raises:
        DamagedVersionError: A file is not what the manifest says.
        IndexFileError: A shard does not belong to the embeddings.
    """
    sidecar = version.json("sidecar")
    geometry = Geometry.from_json(sidecar["geometry"])
    embeddings = version.array("embeddings")
    shards = tuple(
        open_shard(version.path(f"shard-{number:03d}"), version.array(f"rows-{number:03d}"), embeddings, geometry)
        for number in range(sidecar["num_shards"])
    )
    items = version.table("items")
    ids = items.column("item_id").to_pylist()
    return PublishedIndex(
        version=version,
        index=ShardedIndex(shards, embeddings, geometry, sidecar["search_k"], version.array("head")),
        items=items,
        row_of={item_id: row for row, item_id in enumerate(ids)},
    )
