"""Hashes that are the same on every machine, in every process, for any order of the rows.

Draws that must not depend on chunk, worker or row order ("one in fifty pairs", "the order among ties") are functions
of hashed ids. Python's own ``hash`` is salted per process and can't serve.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_HASH_KEY = "pinsage-stable-0"  # exactly 16 bytes, as siphash wants


def mix(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The finaliser of splitmix64 (Steele et al. 2014): a bijection of 64-bit words that scatters close ones."""
    with np.errstate(over="ignore"):
        z = values + _GOLDEN
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return z ^ (z >> np.uint64(31))


def combine(seed: int, *words: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """One word per row from ``seed`` and several words per row; their order matters."""
    state = mix(np.asarray([seed], dtype=np.uint64))
    for word in words:
        state = mix(state ^ word)
    return state


def hash_ids(ids: pa.Array | pa.ChunkedArray | Sequence[Any]) -> NDArray[np.uint64]:
    """A 64-bit word for every id, integer or string, null-free.

    Args:
        ids: integers or strings, shape [n].

    Returns:
        uint64 [n]; equal ids give equal words.

    Raises:
        ValueError: an id is null.
    """
    array = ids if isinstance(ids, pa.Array | pa.ChunkedArray) else pa.array(ids)
    if array.null_count:
        raise ValueError(f"hash_ids: got {array.null_count} null ids of {len(array)}, expected none")
    if pa.types.is_integer(array.type):
        return mix(array.to_numpy().astype(np.uint64))
    return hash_strings(array)


def hash_strings(strings: pa.Array | pa.ChunkedArray) -> NDArray[np.uint64]:
    """A 64-bit siphash (fixed key) of every string; each distinct one is hashed once."""
    from pandas.util import hash_array

    values, codes = dictionary_codes(strings)
    if not values:
        return np.zeros(len(strings), dtype=np.uint64)
    words = hash_array(np.asarray(values, dtype=np.object_), hash_key=_HASH_KEY, categorize=False)
    return np.asarray(words, dtype=np.uint64)[codes]


def dictionary_codes(values: pa.Array | pa.ChunkedArray) -> tuple[list[Any], NDArray[np.int32]]:
    """The distinct values in order of first appearance, and each row's position among them (-1 for null)."""
    chunked: Any = pa.chunked_array([values]) if isinstance(values, pa.Array) else values
    encoded: Any = chunked.dictionary_encode().unify_dictionaries().combine_chunks()
    if isinstance(encoded, pa.ChunkedArray):  # no rows at all, or more than two gigabytes
        encoded = pa.concat_arrays(encoded.chunks) if encoded.num_chunks else pa.array([], encoded.type)
    codes = pc.fill_null(encoded.indices, -1).to_numpy(zero_copy_only=False)
    return encoded.dictionary.to_pylist(), codes


def uniform(words: NDArray[np.uint64]) -> NDArray[np.float64]:
    """Words as numbers: 0 <= u < 1, from their upper 53 bits."""
    return (words >> np.uint64(11)).astype(np.float64) * 2.0**-53
