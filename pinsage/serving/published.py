"""One published index version, opened: shards mapped, labels read."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa

from pinsage.index.annoy_shards import IndexFileError, ShardedIndex, open_shard
from pinsage.index.geometry import Geometry
from pinsage.serving.answers import Answer, Recommendation, RefusedRequestError, UnknownItemError
from pinsage.serving.categories import Categories, readable, values_of
from pinsage.serving.titles import TitleIndex
from pinsage.store import Version

DATASET = "index"
LABELS = ("item_id", "title", "category", "image_url")


@dataclass(frozen=True)
class PublishedIndex:
    """What answers are made from; read-only until it is closed.

    Attributes:
        version: The ``index`` version.
        index: Its shards.
        items: Labels in row order: item_id, title, category (a list where some item has several), image_url.
        row_of: item_id -> row.
    """

    version: Version
    index: ShardedIndex
    items: pa.Table
    row_of: dict[Any, int]

    def row(self, item_id: Any) -> int:
        """Row of an item; an id that came as text is also tried as a number, and the other way round.

        Raises:
            UnknownItemError: The item is not in the catalogue; the message names ids that are close.
        """
        found = self._found(item_id)
        if found is not None:
            return found
        text = str(item_id)
        ids = self._sorted_ids
        place = bisect_left(ids, text)
        near = ", ".join(ids[max(place - 1, 0) : place + 2])
        shown = text if len(text) <= 80 else f"{text[:80]}..."
        raise UnknownItemError(
            f"item {shown!r} is not among the {len(self.row_of):,} items of {self.version.uri}; "
            f"ids next to it: {near or 'none'}; `pinsage search WORDS` finds ids by titles"
        )

    def knows(self, item_id: Any) -> bool:
        """Whether the catalogue holds the item."""
        return self._found(item_id) is not None

    def rows(self, item_ids: Iterable[Any]) -> np.ndarray:
        """Rows of several items, int64 [n]; see `row`."""
        return np.array([self.row(item_id) for item_id in item_ids], dtype=np.int64)

    def recommendation(self, row: int, score: float) -> Recommendation:
        """Label a row."""
        values = {name: self._labels[name][row].as_py() for name in LABELS}
        categories = values_of(values["category"])
        return Recommendation(
            item_id=values["item_id"],
            title=values["title"] or str(values["item_id"]),
            category=readable(categories),
            score=round(score, 6),
            image_url=values["image_url"],
            categories=categories,
        )

    def answer(self, rows: Iterable[int], scores: Iterable[float]) -> Answer:
        """Label rows, in the given order."""
        items = (self.recommendation(int(row), float(score)) for row, score in zip(rows, scores, strict=True))
        return Answer(self.version.uri, tuple(items))

    @cached_property
    def categories(self) -> Categories:
        """The categories of the items."""
        return Categories.of_labels(self._labels["category"])

    @cached_property
    def titles(self) -> TitleIndex:
        """Words of the titles, popular items first; an item without a title is found by its id."""
        ids = self._labels["item_id"].to_pylist()
        titles = self._labels["title"].to_pylist()
        shown = [title or str(item_id) for title, item_id in zip(titles, ids, strict=True)]
        return TitleIndex(shown, self.popularity_terms)

    @cached_property
    def popularity_terms(self) -> np.ndarray:
        """The learned popularity term of every item, float32 [num_items]; zeros where the model has none."""
        if not self.index.geometry.popularity_dim:
            return np.zeros(len(self.index.embeddings), dtype=np.float32)
        return np.array(self.index.embeddings[:, -1])

    def warm_like(self, other: PublishedIndex) -> None:
        """Build ahead what readers of ``other`` asked for, so that none of them waits for it here."""
        for name in vars(other).keys() & {"categories", "titles"}:
            getattr(self, name)

    def close(self) -> None:
        """Unmap the shards; the arrays' maps go with the last reference to them. Nobody may ask afterwards."""
        for shard in self.index.shards:
            shard.trees.unload()

    def _found(self, item_id: Any) -> int | None:
        known = self.row_of
        if not isinstance(item_id, Hashable):
            raise RefusedRequestError(
                f"{item_id!r} is no item's id, expected a number or text; `similar_to_all` asks about several items"
            )
        if item_id in known:
            return known[item_id]
        text = str(item_id)
        number = int(text) if re.fullmatch(r"-?[0-9]{1,19}", text) else None
        return known.get(number, known.get(text))

    @cached_property
    def _labels(self) -> dict[str, pa.Array]:
        return {name: self.items.column(name).combine_chunks() for name in LABELS}

    @cached_property
    def _sorted_ids(self) -> list[str]:
        return sorted(map(str, self.row_of))


def open_published(version: Version) -> PublishedIndex:
    """Open an ``index`` version; every file's digest is checked before it is mapped.

    Raises:
        DamagedVersionError: A file is not what the manifest says.
        IndexFileError: It is no index, or a shard does not belong to the embeddings.
    """
    if version.manifest.dataset != DATASET:
        raise IndexFileError(f"{version.uri}: a version of {version.manifest.dataset!r}, expected one of {DATASET!r}")
    sidecar = version.json("sidecar")
    geometry = Geometry.from_json(sidecar["geometry"])
    embeddings = version.array("embeddings")
    items = version.table("items")
    if not len(embeddings) == items.num_rows == sidecar["num_items"]:
        raise IndexFileError(
            f"{version.uri}: {len(embeddings)} embeddings and {items.num_rows} labels, expected {sidecar['num_items']}"
        )
    shards = tuple(
        open_shard(version.path(f"shard-{number:03d}"), version.array(f"rows-{number:03d}"), embeddings, geometry)
        for number in range(sidecar["num_shards"])
    )
    ids = items.column("item_id").to_pylist()
    return PublishedIndex(
        version=version,
        index=ShardedIndex(shards, embeddings, geometry, sidecar["search_k"], version.array("head")),
        items=items,
        row_of={item_id: row for row, item_id in enumerate(ids)},
    )
