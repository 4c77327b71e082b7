"""Categories of the items of one version: an item may have none, one or several."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pinsage.serving.answers import RefusedRequestError

SHOWN = 5


@dataclass(frozen=True)
class Categories:
    """Every item's values, one item after the other.

    Attributes:
        names: The distinct values, sorted; "" stands for none, where some item has none.
        offsets: int64 [num_items + 1]; where an item's codes start and end.
        codes: int32, positions among the names; at least one for each item, in the order of the data.
    """

    names: list[str]
    offsets: np.ndarray
    codes: np.ndarray

    @classmethod
    def of_labels(cls, labels: pa.Array) -> Self:
        """From texts, or lists of texts where some item has several; nulls and empty ones are none."""
        if not pa.types.is_list(labels.type):
            texts = pc.utf8_trim_whitespace(labels.fill_null(""))
            labels = pa.ListArray.from_arrays(
                np.concatenate([[0], np.cumsum(pc.not_equal(texts, "").to_numpy(zero_copy_only=False))]).astype(
                    np.int32
                ),
                texts.filter(pc.not_equal(texts, "")),
            )
        lengths = labels.value_lengths().fill_null(0).to_numpy()
        encoded = pc.list_flatten(labels).dictionary_encode()
        values = encoded.dictionary.to_pylist()
        names = sorted({*values, *([""] if (lengths == 0).any() else [])})
        place = {name: code for code, name in enumerate(names)}
        counts = np.maximum(lengths, 1)
        codes = np.zeros(int(counts.sum()), dtype=np.int32)  # "" comes first
        code_of_value = np.array([place[value] for value in values], dtype=np.int32)
        codes[np.repeat(lengths > 0, counts)] = code_of_value[encoded.indices.to_numpy()]
        return cls(names, np.concatenate([[0], np.cumsum(counts, dtype=np.int64)]), codes)

    @property
    def first(self) -> np.ndarray:
        """Code of each item's first value, int32 [num_items]."""
        return np.asarray(self.codes[self.offsets[:-1]])

    @cached_property
    def rows(self) -> np.ndarray:
        """Row of each code, int64."""
        return np.repeat(np.arange(len(self.offsets) - 1), np.diff(self.offsets))

    def of(self, row: int) -> tuple[str, ...]:
        """The values of an item; none of them is empty."""
        codes = self.codes[self.offsets[row] : self.offsets[row + 1]].tolist()
        return tuple(self.names[code] for code in codes if self.names[code])

    def counts(self, among: np.ndarray | None = None) -> np.ndarray:
        """Items of each name, int64 [len(names)]: an item counts for each of its values.

        Args:
            among: Rows that count; None = all.
        """
        codes = self.codes if among is None else self.codes[np.isin(self.rows, among)]
        return np.bincount(codes, minlength=len(self.names))

    def others(self, among: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Values beyond the first ones: positions in ``among``, rows that ascend, and their codes."""
        later = np.ones(len(self.codes), dtype=bool)
        later[self.offsets[:-1]] = False
        later &= np.isin(self.rows, among)
        return np.searchsorted(among, self.rows[later]), self.codes[later]

    def rows_of(self, names: Collection[str]) -> np.ndarray:
        """Rows of the items that have any of some values, ascending, int64 [n].

        Raises:
            RefusedRequestError: No item has any of them; the message names those next to them.
        """
        unknown = self.unknown(names)
        if names and len(unknown) == len(names):
            raise RefusedRequestError(self.about(unknown))
        wanted = np.zeros(len(self.names), dtype=bool)
        wanted[[self._code_of[name] for name in names if name in self._code_of]] = True
        return np.unique(self.rows[wanted[self.codes]])

    def unknown(self, names: Collection[str]) -> list[str]:
        """Those of some values that no item has."""
        return [name for name in names if name not in self._code_of]

    def about(self, unknown: Sequence[str]) -> str:
        """Name some values that no item has, and known ones next to them."""
        shown = [name[:80] for name in unknown[:SHOWN]]
        more = f" and {len(unknown) - SHOWN} more" if len(unknown) > SHOWN else ""
        places = sorted({place for name in shown for place in self._places_near(name)})
        near = ", ".join(repr(self.names[place]) for place in places if self.names[place])
        return f"categories: no item has {', '.join(map(repr, shown))}{more}; known ones next to it: {near or 'none'}"

    @cached_property
    def _code_of(self) -> dict[str, int]:
        return {name: code for code, name in enumerate(self.names)}

    def _places_near(self, name: str) -> range:
        place = bisect_left(self.names, name)
        return range(max(place - 1, 0), min(place + 1, len(self.names)))


def values_of(label: str | list[str] | None) -> tuple[str, ...]:
    """The values in one cell of the labels."""
    return tuple([label] if isinstance(label, str) and label else label or ())


def readable(values: tuple[str, ...]) -> str:
    """Values as people read them."""
    return ", ".join(values)
