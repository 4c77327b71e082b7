"""Search of items by words of their titles, from an inverted index that is built once a version."""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_left, bisect_right
from collections.abc import Sequence

import numpy as np

_PAST_EVERY_WORD = "\U0010ffff"


class TitleIndex:
    """The words of all titles, sorted, each with the rows that hold it.

    Args:
        titles: One per row; None and empty ones are never found.
        preference: float [rows]; of titles that match alike, the one with the higher value comes first.
    """

    def __init__(self, titles: Sequence[str | None], preference: np.ndarray) -> None:
        self._preference = preference
        postings: dict[str, list[int]] = {}
        self._num_words = np.zeros(len(titles), dtype=np.int32)
        for row, title in enumerate(titles):
            words = words_of(title or "")
            self._num_words[row] = len(words)
            for word in set(words):
                postings.setdefault(word, []).append(row)
        self._words = sorted(postings)
        self._rows = [np.array(postings[word], dtype=np.int64) for word in self._words]

    def find(self, text: str, k: int) -> list[tuple[int, float]]:
        """The best ``k`` rows whose titles hold every word of ``text``; the beginning of a word is enough.

        Returns:
            (row, score); the score is the share of the title's words that was asked for. Titles with the very words
            come before those with longer ones, then preferred rows, then those with the higher score.
        """
        wanted = words_of(text)
        if not wanted:
            return []
        rows = self._rows_with(wanted[0])
        for word in wanted[1:]:
            rows = np.intersect1d(rows, self._rows_with(word), assume_unique=True)
        whole = np.ones(len(rows), dtype=bool)
        for word in wanted:
            whole &= np.isin(rows, self._rows_with(word, whole=True))
        scores = len(wanted) / np.maximum(self._num_words[rows], len(wanted))
        order = np.lexsort((rows, -scores, -self._preference[rows], ~whole))[:k]
        return [(int(rows[each]), float(scores[each])) for each in order]

    def _rows_with(self, beginning: str, *, whole: bool = False) -> np.ndarray:
        first = bisect_left(self._words, beginning)
        last = bisect_right(self._words, beginning if whole else beginning + _PAST_EVERY_WORD)
        return np.unique(np.concatenate([np.empty(0, dtype=np.int64), *self._rows[first:last]]))


def words_of(text: str) -> list[str]:
    """Lower-case words without accents; scripts other than Latin stay as they are."""
    decomposed = unicodedata.normalize("NFKD", text)
    plain = "".join(character for character in decomposed if not unicodedata.combining(character))
    return re.findall(r"\w+", plain.lower())
