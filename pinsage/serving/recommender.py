"""The reader's library: recommendations from the version that ``published`` points to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from pinsage.serving.answers import (
    Answer,
    NothingKnownError,
    NothingPublishedError,
    RefusedRequestError,
    UnknownItemError,
)
from pinsage.serving.config import ServingConfig
from pinsage.serving.filters import Filter, search_filtered
from pinsage.serving.new_items import NewItem, NewItemEmbedder
from pinsage.serving.open_versions import OpenVersions
from pinsage.serving.published import PublishedIndex
from pinsage.serving.questions import as_list, check_decay, check_k, check_popularity
from pinsage.store import Store

SIMILAR = 0.0
DECAY = 0.8
EVERYTHING = Filter()


class Recommender:
    """Answers from one published version at a time, and goes over to the next one by itself.

    Safe in threads, after a fork, and when pickled to another process. Every answer comes from one version and carries
    it; a new version that cannot be trusted is refused and the old one keeps answering (see `OpenVersions.refused`).

    Args:
        root: Store root, a local folder or URL.
        config: How often to look for a new version, and limits.

    Raises:
        NothingPublishedError: There is no such folder, or no index was published.
        DamagedVersionError: A file of the published index is not what its manifest says.
    """

    def __init__(self, root: str | Path, config: ServingConfig | None = None) -> None:
        self._root, self._config = str(root), config or ServingConfig()
        if self._root.strip() and "://" not in self._root and not Path(root).is_dir():
            raise NothingPublishedError(f"store {root}: there is no such folder; expected one that was published to")
        self.store = Store.open(root)
        self.versions = OpenVersions(self.store, self._config)

    def __reduce__(self) -> tuple[type[Recommender], tuple[str, ServingConfig]]:
        return type(self), (self._root, self._config)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    @property
    def version(self) -> str:
        """URI of the index that answers now."""
        with self.versions.reading() as held:
            return held.index.version.uri

    def refresh(self) -> bool:
        """Look for a new version now; see `OpenVersions.refresh`."""
        return self.versions.refresh()

    def close(self) -> None:
        """Stop looking for new versions and unmap what is open."""
        self.versions.close()

    def similar(
        self,
        item_id: int | str,
        k: int = 10,
        popularity: float = SIMILAR,
        only: Filter = EVERYTHING,
        version: str | None = None,
    ) -> Answer:
        """The ``k`` best items for an item, itself left out, best first.

        Args:
            item_id: The query item.
            k: Items wanted.
            popularity: Weight of the learned popularity term: 0 asks what is alike, 1 (the score that the model is
                trained and evaluated with) what is most likely taken next, which favours what everybody takes.
            only: Which items may be answered.
            version: URI of an earlier published version to ask instead.

        Raises:
            UnknownItemError: The item is not in the published catalogue.
            UnknownVersionAskedError: ``version`` was never published.
            RefusedRequestError: A value is out of its range; the message says what is expected.
        """
        return self.similar_to_all([item_id], k, popularity=popularity, only=only, version=version)

    def similar_to_all(
        self,
        item_ids: Sequence[int | str],
        k: int = 10,
        decay: float = DECAY,
        popularity: float = SIMILAR,
        only: Filter = EVERYTHING,
        version: str | None = None,
    ) -> Answer:
        """The ``k`` best items for several items, such as a person's recent ones.

        Items that say nothing, because the catalogue does not hold them or has no embedding of them, are skipped and
        named in the answer: the others get the weights that they would have without them. An item that is named several
        times counts at each of its places.

        Args:
            item_ids: The newest first.
            k: Items wanted.
            decay: Weight of each older item relative to the one before it, 0 to 1.
            popularity: As for `similar`.
            only: As for `similar`.
            version: As for `similar`.

        Raises:
            UnknownItemError: All items would be skipped.
            RefusedRequestError: No item is named, or a value is out of its range.
        """
        item_ids = as_list("item_ids", item_ids)
        if not item_ids:
            raise RefusedRequestError("item_ids: got none, expected at least one item")
        check_k(k)
        check_decay(decay)
        check_popularity(popularity)
        with self.versions.reading(version) as held:
            published = held.index
            rows, skipped = _known_rows(published, item_ids)
            weights = decay ** np.arange(len(rows), dtype=np.float32)
            queries = published.index.geometry.queries(np.asarray(published.index.embeddings[rows]), popularity)
            query = (weights[:, None] * queries).sum(axis=0) / weights.sum()
            return replace(search_filtered(published, query, k, rows, only), skipped=skipped)

    def similar_to_new(
        self,
        item: NewItem,
        k: int = 10,
        popularity: float = SIMILAR,
        only: Filter = EVERYTHING,
        version: str | None = None,
    ) -> Answer:
        """The ``k`` best items for one that is not in the catalogue, from its text or features alone.

        Args:
            item: What is known of it.
            k: Items wanted.
            popularity: As for `similar`.
            only: As for `similar`.
            version: As for `similar`.

        Raises:
            NothingKnownError: The item brings nothing that the model understands.
            RefusedRequestError: A column is unknown or of another width.
            MissingLibraryError: torch is not installed; the message says what brings it.
        """
        if not isinstance(item, NewItem):
            raise RefusedRequestError(
                f"new item: got {item!r}, expected a NewItem, such as NewItem(title={str(item)!r})"
            )
        check_k(k)
        check_popularity(popularity)
        with self.versions.reading(version) as held:
            published = held.index
            vector = held.part(NewItemEmbedder, lambda: NewItemEmbedder.open(self.store, published.version)).embed(item)
            if not published.index.geometry.content_norms(vector[None, :]).any():
                raise NothingKnownError(
                    "the model gives the new item no direction; describe it with more words or columns"
                )
            query = published.index.geometry.queries(vector, popularity)[0]
            return search_filtered(published, query, k, np.empty(0, dtype=np.int64), only)

    def search(self, text: str, k: int = 10) -> Answer:
        """Items whose title holds every word of ``text``; the beginning of a word is enough.

        An item whose id is ``text`` comes first, then titles with these very words, popular ones before others.
        """
        check_k(k)
        with self.versions.reading() as held:
            published = held.index
            text = str(text).strip()
            found = published.titles.find(text, k)
            if published.knows(text):
                row = published.row(text)
                found = [(row, 1.0), *((each, score) for each, score in found if each != row)][:k]
            return published.answer([row for row, _ in found], [score for _, score in found])

    def item(self, item_id: int | str) -> Answer:
        """One item's labels, as an answer of one; see `similar` for errors."""
        with self.versions.reading() as held:
            return held.index.answer([held.index.row(item_id)], [1.0])


def _known_rows(published: PublishedIndex, item_ids: Sequence[int | str]) -> tuple[np.ndarray, tuple[int | str, ...]]:
    """Rows of the items that have an embedding, in order, and the ids of the others, each once.

    Raises:
        UnknownItemError: None has.
    """
    catalogued = [item_id for item_id in item_ids if published.knows(item_id)]
    if not catalogued:
        # Asking for the first one says which ids are near.
        return published.rows(item_ids[:1]), ()
    rows = published.rows(catalogued)
    embedded = published.index.geometry.content_norms(np.asarray(published.index.embeddings[rows])) > 0
    if not embedded.any():
        raise UnknownItemError(
            f"{published.version.uri} has no embedding of {', '.join(map(repr, catalogued[:3]))}; "
            "nothing was known of it when the day was embedded"
        )
    silent = {item_id for item_id, heard in zip(catalogued, embedded, strict=True) if not heard}
    skipped = dict.fromkeys(item_id for item_id in item_ids if item_id in silent or not published.knows(item_id))
    return rows[embedded], tuple(skipped)
