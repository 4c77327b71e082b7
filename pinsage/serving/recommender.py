"""The reader's library: recommendations from the version that ``published`` points to."""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pinsage.serving.published import PublishedIndex, open_published
from pinsage.store import Store

SIMILAR = 0.0


class NothingPublishedError(LookupError):
    """The store has no published index yet."""


class UnknownItemError(LookupError):
    """The published index does not know the item."""


@dataclass(frozen=True)
class Recommendation:
    """An item that was found; ``score`` is the model's (search: the share of the title that matched)."""

    item_id: int | str
    title: str
    category: str
    score: float
    image_url: str | None


class Recommender:
    """Answers from one published version at a time; safe in threads.

    Args:
        root: Store root, a local folder or URL.

    Raises:
        NothingPublishedError: No index was published.
    """

    def __init__(self, root: str | Path) -> None:
        self._store = Store.open(root)
        self._published = self._open_head()

    @property
    def version(self) -> str:
        """URI of the index that answers."""
        return self._published.version.uri

    def refresh(self) -> bool:
        """Go over to a newer published version; answers under way end with the old one. True if it changed."""
        head = self._store.ref("published").head()
        if head is None or head.uri == self.version:
            return False
        self._published = self._open_head()
        return True

    def similar(self, item_id: int | str, k: int = 10, popularity: float = SIMILAR) -> list[Recommendation]:
        """The ``k`` best items for an item, itself left out, best first.

        Args:
            item_id: The query item.
            k: Items wanted.
            popularity: Weight of the learned popularity term: 0 asks what is alike, 1 (the score that the model is
                trained and evaluated with) what is most likely taken next, which favours what everybody takes.

        Raises:
            UnknownItemError: The item is not in the published catalogue.
        """
        return self.similar_to_all([item_id], k, popularity=popularity)

    def similar_to_all(
        self, item_ids: Sequence[int | str], k: int = 10, decay: float = 0.8, popularity: float = SIMILAR
    ) -> list[Recommendation]:
        """The ``k`` best items for several items, such as a person's recent ones.

        Args:
            item_ids: The newest first.
            k: Items wanted.
            decay: Weight of each older item relative to the one before it.
            popularity: As for `similar`.
        """
        published = self._published
        rows = np.array([_row(published, item_id) for item_id in item_ids], dtype=np.int64)
        if not len(rows):
            raise ValueError("similar_to_all: got no items, expected at least one")
        weights = decay ** np.arange(len(rows), dtype=np.float32)
        vectors = published.index.geometry.queries(np.asarray(published.index.embeddings[rows]), popularity)
        query = (weights[:, None] * vectors).sum(axis=0) / weights.sum()
        found, scores = published.index.search(query, k, exclude=rows)
        return [_recommendation(published, int(row), float(score)) for row, score in zip(found, scores, strict=True)]

    def search(self, text: str, k: int = 10) -> list[Recommendation]:
        """Items whose title holds every word of ``text`` (the beginning of a word is enough), shortest titles first."""
        published = self._published
        wanted = _words(text)
        if not wanted:
            return []
        found = []
        for row, title in enumerate(published.items.column("title").to_pylist()):
            words = _words(title or "")
            if words and all(any(word.startswith(each) for word in words) for each in wanted):
                found.append((-len(wanted) / max(len(words), len(wanted)), row))
        return [_recommendation(published, row, -score) for score, row in sorted(found)[:k]]

    def most_popular(self, item_ids: Sequence[int | str]) -> Recommendation:
        """The item with the highest popularity term; the first one where the model has no such term."""
        published = self._published
        rows = [_row(published, item_id) for item_id in item_ids]
        terms = np.asarray(published.index.embeddings[rows, -1]) * published.index.geometry.popularity_dim
        best = int(np.argmax(terms))
        return _recommendation(published, rows[best], float(terms[best]))

    def _open_head(self) -> PublishedIndex:
        version = self._store.referenced("published")
        if version is None:
            raise NothingPublishedError(
                f"store {self._store.root}: no index is published; run `pinsage run all --day YYYY-MM-DD` first"
            )
        return open_published(version)


def _row(published: PublishedIndex, item_id: Any) -> int:
    known = published.row_of
    if item_id in known:
        return known[item_id]
    if isinstance(item_id, str) and re.fullmatch(r"-?\d+", item_id) and int(item_id) in known:
        return known[int(item_id)]
    if str(item_id) in known:
        return known[str(item_id)]
    close = difflib.get_close_matches(str(item_id), [str(each) for each in list(known)[:50_000]], n=3)
    hint = f"; close ids: {', '.join(close)}" if close else ""
    raise UnknownItemError(f"item {item_id!r} is not among the {len(known)} items of {published.version.uri}{hint}")


def _recommendation(published: PublishedIndex, row: int, score: float) -> Recommendation:
    values = {name: published.items.column(name)[row].as_py() for name in published.items.column_names}
    return Recommendation(
        item_id=values["item_id"],
        title=values["title"] or str(values["item_id"]),
        category=values["category"] or "",
        score=round(score, 6),
        image_url=values["image_url"],
    )


def _words(text: str) -> list[str]:
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode() or text
    return re.findall(r"\w+", plain.lower())
