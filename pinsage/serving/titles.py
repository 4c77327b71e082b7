"""Search of items by words of their titles, from an inverted index that is built once a version.

A word is what `pinsage.features.words` says. In scripts with spaces its beginning finds it. In others it is open where
a word begins: any part of a stretch finds it. Pairs of characters give the rows, and the titles confirm them.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain

import numpy as np

from pinsage.features.words import unspaced, words
from pinsage.serving.answers import RefusedRequestError

MAX_WORDS = 32  # that one search may name; each costs up to the rows of the catalogue
_PAST_EVERY_WORD = "\U0010ffff"


class TitleIndex:
    """The words of all titles, sorted, each with the rows that hold it.

    Args:
        titles: One per row; None and empty ones are never found.
        preference: float [rows]; of titles that match alike, the one with the higher value comes first.
    """

    def __init__(self, titles: Sequence[str | None], preference: np.ndarray) -> None:
        self._preference = preference
        self._num_words = np.zeros(len(titles), dtype=np.int32)
        self._unspaced: dict[int, str] = {}
        rows_of_words: dict[str, list[int]] = {}
        rows_of_pairs: dict[str, list[int]] = {}
        for row, title in enumerate(titles):
            distinct = dict.fromkeys(words(title or ""))
            self._num_words[row] = len(distinct)
            for word in distinct:
                rows_of_words.setdefault(word, []).append(row)
            stretches = [] if not title or title.isascii() else unspaced(title)
            if stretches:
                self._unspaced[row] = "\n".join(stretches)
                for pair in dict.fromkeys(chain.from_iterable(map(_pairs, stretches))):
                    rows_of_pairs.setdefault(pair, []).append(row)
        self._words = _Postings(rows_of_words)
        self._pairs = _Postings(rows_of_pairs)

    def find(self, text: str, k: int) -> list[tuple[int, float]]:
        """The best ``k`` rows whose titles hold every word of ``text``; the beginning of a word is enough.

        Returns:
            (row, score), by score. It is 1 for titles with the very words, preferred rows first, and for titles with
            words that begin so the share of their words that was asked for.

        Raises:
            RefusedRequestError: ``text`` has more than `MAX_WORDS` different words.
        """
        wanted = list(dict.fromkeys(words(text)))
        if not wanted:
            return []
        if len(wanted) > MAX_WORDS:
            raise RefusedRequestError(
                f"search: got {len(wanted)} different words, expected at most {MAX_WORDS}; the beginning of a title is "
                "enough"
            )
        rows = self._rows_with_all(chain.from_iterable(map(self._parts, wanted)))
        if self._unspaced:
            long = [word for word in wanted if len(word) > 2 and unspaced(word)]
            rows = np.array([row for row in rows.tolist() if all(word in self._unspaced[row] for word in long)], int)
        whole = np.ones(len(rows), dtype=bool)
        for word in wanted:
            whole &= self._mask(self._words.of(word))[rows]
        shares = len(wanted) / np.maximum(self._num_words[rows], len(wanted))
        scores = np.where(whole, 1.0, shares)
        order = np.lexsort((rows, -shares, -self._preference[rows], ~whole, -scores))[:k]
        return [(int(rows[place]), float(scores[place])) for place in order]

    def _parts(self, word: str) -> Iterable[np.ndarray]:
        """Rows of what a title with the word must hold; the whole of a longer word without spaces is not among it."""
        if not unspaced(word):
            return [self._words.beginning_with(word)]
        if len(word) == 1:
            return [self._pairs.beginning_with(word)]
        return [self._pairs.of(pair) for pair in _pairs(word)[:-1]]

    def _rows_with_all(self, parts: Iterable[np.ndarray]) -> np.ndarray:
        held = np.ones(len(self._num_words), dtype=bool)
        for rows in sorted(parts, key=len):
            if not len(rows):
                return rows
            held &= self._mask(rows)
        return np.flatnonzero(held)

    def _mask(self, rows: np.ndarray) -> np.ndarray:
        mask = np.zeros(len(self._num_words), dtype=bool)
        mask[rows] = True
        return mask


class _Postings:
    """Terms, sorted, and the rows of each, one after the other."""

    def __init__(self, rows_of: Mapping[str, list[int]]) -> None:
        self._terms = sorted(rows_of)
        self._stops = np.cumsum([0, *(len(rows_of[term]) for term in self._terms)])
        self._rows = np.fromiter(chain.from_iterable(rows_of[term] for term in self._terms), np.int32)

    def of(self, term: str) -> np.ndarray:
        """Rows of a term, ascending."""
        return self._between(bisect_left(self._terms, term), bisect_right(self._terms, term))

    def beginning_with(self, term: str) -> np.ndarray:
        """Rows of every term that begins so; a row may come several times."""
        return self._between(bisect_left(self._terms, term), bisect_right(self._terms, term + _PAST_EVERY_WORD))

    def _between(self, first: int, last: int) -> np.ndarray:
        return self._rows[self._stops[first] : self._stops[last]]


def _pairs(stretch: str) -> list[str]:
    """Every two neighboring characters, and the last one alone."""
    return [stretch[place : place + 2] for place in range(len(stretch))]
