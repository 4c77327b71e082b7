"""Answers under conditions: only some items, found exactly where they are few, by over-fetching where they are many."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from pinsage.index.geometry import row_blocks
from pinsage.serving.answers import Answer, Recommendation, RefusedRequestError
from pinsage.serving.published import PublishedIndex
from pinsage.serving.questions import as_list

# Up to here scoring every allowed item is cheaper than having the trees find enough of them.
EXACT_ROWS = 20_000
GROWTH = 4


@dataclass(frozen=True)
class Filter:
    """Which items may be answered; every condition that is given must hold.

    Attributes:
        categories: Only items that have any of these categories. Unknown ones are named in the answer; a
            filter of which none is known is refused.
        allowed_ids: Only these items; ids that the catalogue does not hold are ignored.
        excluded_ids: None of these items, such as what a person has already; unknown ids are ignored, too.
        predicate: Only items for which it is true. It is called for candidates, best first, until enough are found.
    """

    categories: Collection[str] | None = None
    allowed_ids: Collection[Any] | None = None
    excluded_ids: Collection[Any] = ()
    predicate: Callable[[Recommendation], bool] | None = None

    def __post_init__(self) -> None:
        for name in ("categories", "allowed_ids", "excluded_ids"):
            if getattr(self, name) is not None:
                object.__setattr__(self, name, as_list(name, getattr(self, name)))
        for name in self.categories or ():
            if not isinstance(name, str):
                raise RefusedRequestError(f"categories: got {name!r}, expected texts")


def search_filtered(published: PublishedIndex, query: np.ndarray, k: int, exclude: np.ndarray, only: Filter) -> Answer:
    """The ``k`` best items for a query among those that the filter lets through.

    Args:
        published: The version that answers.
        query: float32 [width], in the model's space.
        k: Items wanted; fewer come back only when fewer fulfil the conditions.
        exclude: Rows never answered.
        only: The conditions.

    Raises:
        RefusedRequestError: ``only`` is no filter, or no item has any of its categories.
    """
    if not isinstance(only, Filter):
        raise RefusedRequestError(f"only: got {only!r}, expected a Filter, such as Filter(excluded_ids=[...])")
    answer = _best_allowed(published, query, k, exclude, only)
    unknown = [] if only.categories is None else published.categories.unknown(only.categories)
    return replace(answer, unknown_categories=tuple(unknown))


def _best_allowed(published: PublishedIndex, query: np.ndarray, k: int, exclude: np.ndarray, only: Filter) -> Answer:
    excluded = np.union1d(exclude, _known_rows(published, only.excluded_ids))
    allowed = _allowed_rows(published, only)
    if allowed is None or len(allowed) > EXACT_ROWS:
        wanted = GROWTH * k
        while wanted < len(published.row_of):
            rows, scores = published.index.search(query, wanted, exclude=excluded)
            if allowed is not None:
                passed = np.isin(rows, allowed)
                rows, scores = rows[passed], scores[passed]
            answer = _picked(published, rows, scores, k, only)
            if len(answer) == k:
                return answer
            wanted *= GROWTH
        # However much is asked of them, the trees give only a part of the catalogue.
        allowed = np.arange(len(published.row_of)) if allowed is None else allowed
    return _picked(published, *_exact(published, query, np.setdiff1d(allowed, excluded)), k, only)


def _known_rows(published: PublishedIndex, item_ids: Collection[Any]) -> np.ndarray:
    return published.rows(item_id for item_id in item_ids if published.knows(item_id))


def _allowed_rows(published: PublishedIndex, only: Filter) -> np.ndarray | None:
    """Rows that fulfil the conditions on ids and categories, ascending; None = all."""
    allowed = None if only.allowed_ids is None else np.unique(_known_rows(published, only.allowed_ids))
    if only.categories is not None:
        rows = published.categories.rows_of(only.categories)
        allowed = rows if allowed is None else np.intersect1d(allowed, rows)
    return allowed


def _exact(published: PublishedIndex, query: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """All of ``rows`` that have an embedding, by score, ties by row: what trees that miss nothing would give."""
    index = published.index
    scores = np.full(len(rows), -np.inf, dtype=np.float32)
    for block in row_blocks(len(rows)):
        vectors = np.asarray(index.embeddings[rows[block]])
        embedded = index.geometry.content_norms(vectors) > 0
        scores[block][embedded] = index.geometry.scores(query[None, :], vectors[embedded])[0]
    rows, scores = rows[np.isfinite(scores)], scores[np.isfinite(scores)]
    order = np.lexsort((rows, -scores))
    return rows[order], scores[order]


def _picked(published: PublishedIndex, rows: np.ndarray, scores: np.ndarray, k: int, only: Filter) -> Answer:
    if only.predicate is None:
        return published.answer(rows[:k], scores[:k])
    found: list[Recommendation] = []
    for row, score in zip(rows, scores, strict=True):
        candidate = published.recommendation(int(row), float(score))
        if only.predicate(candidate):
            found.append(candidate)
        if len(found) == k:
            break
    return Answer(published.version.uri, tuple(found))
