"""A categorical column to vectors: one-hot while its values fit, signed hashing of each value above that.

A hashed value is a fixed sparse vector of a few +-1, so values unseen at fit time are encoded too, and two distinct
values are nearly orthogonal (Weinberger et al. 2009, *Feature hashing for large scale multitask learning*).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pinsage.arrays.stable_hash import dictionary_codes
from pinsage.arrays.unit_rows import unit_rows
from pinsage.features.config import FeatureConfig


@dataclass(frozen=True)
class CategoricalEncoder:
    """A fitted encoder of one categorical column.

    Args:
        values: the known values, sorted, each with a column of its own; empty when values are hashed.
        width: columns of the block.
        hashes: signed coordinates per hashed value.
        separator: splits one cell into several values; "" = never.
        seed: seed of the hashes.
    """

    values: tuple[str, ...]
    width: int
    hashes: int
    separator: str
    seed: int

    @classmethod
    def fit(cls, cells: pa.ChunkedArray, config: FeatureConfig) -> CategoricalEncoder:
        """One-hot if the distinct values of ``cells`` (string [n], nullable) fit in the configured width."""
        values: set[str] = set()
        for cell in pc.unique(cells).to_pylist():
            values.update(split_values(cell, config.categorical_separator))
        fits = len(values) <= config.categorical_width
        return cls(
            values=tuple(sorted(values)) if fits else (),
            width=max(len(values), 1) if fits else config.categorical_width,
            hashes=config.categorical_hashes,
            separator=config.categorical_separator,
            seed=config.seed,
        )

    def encode(self, cells: pa.ChunkedArray) -> NDArray[np.float32]:
        """Unit vectors of ``cells``, float32 [n, width]; null, empty and (one-hot only) unknown values get zeros."""
        distinct, codes = dictionary_codes(cells)
        vectors = np.zeros(
            (len(distinct) + 1, self.width), dtype=np.float32
        )  # the last row is null's, whose code is -1
        for row, cell in enumerate(distinct):
            for value in split_values(cell, self.separator):
                self._add(value, vectors[row])
        return unit_rows(vectors)[codes]

    def _add(self, value: str, vector: NDArray[np.float32]) -> None:
        if self.values or self.width == 1:
            column = self._columns.get(value)
            if column is not None:
                vector[column] += 1
            return
        digest = blake2b(value.encode(), digest_size=8 * self.hashes, salt=self.seed.to_bytes(8, "little")).digest()
        words = np.frombuffer(digest, dtype="<u8")
        signs = np.where(words >> np.uint64(63), 1.0, -1.0)
        np.add.at(vector, (words % np.uint64(self.width)).astype(np.int64), signs.astype(np.float32))

    @cached_property
    def _columns(self) -> dict[str, int]:
        return {value: column for column, value in enumerate(self.values)}

    def state(self) -> dict[str, Any]:
        """The encoder as JSON; `from_state` is the way back."""
        return {
            "values": list(self.values),
            "width": self.width,
            "hashes": self.hashes,
            "separator": self.separator,
            "seed": self.seed,
        }

    @classmethod
    def from_state(cls, document: Mapping[str, Any]) -> CategoricalEncoder:
        """The encoder that `state` wrote down."""
        return cls(
            values=tuple(document["values"]),
            width=int(document["width"]),
            hashes=int(document["hashes"]),
            separator=str(document["separator"]),
            seed=int(document["seed"]),
        )


def split_values(cell: str | None, separator: str) -> list[str]:
    """The values in one cell, without spaces around them; "" separates nothing."""
    if cell is None:
        return []
    parts = cell.split(separator) if separator else [cell]
    return [part.strip() for part in parts if part.strip()]
