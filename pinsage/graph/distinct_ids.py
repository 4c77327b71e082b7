"""Ids of a chunk of saves, each once and in order; large chunks are compared by their sorted, distinct ids alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc


@dataclass(frozen=True)
class DistinctIds:
    """The distinct ids of an array.

    Attributes:
        ids: int64 or large_string, ascending (text by its UTF-8 bytes).
        codes: int32 [num_ids given], where each given id is in ``ids``.
        days: int32 [len(ids)], the smallest day that an id was given with.
    """

    ids: pa.Array
    codes: np.ndarray
    days: np.ndarray


def distinct_ids(ids: pa.Array, days: np.ndarray) -> DistinctIds:
    """Sort ids and drop repetitions.

    Args:
        ids: int64 or large_string [n], no nulls, n < 2**31.
        days: int32 [n], the number of the day of each id.
    """
    if pa.types.is_integer(ids.type):
        distinct, codes = _distinct_integers(ids.to_numpy())
    else:
        encoded = ids.dictionary_encode()
        order = pc.sort_indices(encoded.dictionary).to_numpy()
        distinct = encoded.dictionary.take(pa.array(order))
        ranks = np.empty(len(order), np.int32)
        ranks[order] = np.arange(len(order), dtype=np.int32)
        codes = ranks[encoded.indices.to_numpy()]
    first = np.full(len(distinct), np.iinfo(np.int32).max, np.int32)
    np.minimum.at(first, codes, days)
    return DistinctIds(distinct, codes, first)


def _distinct_integers(values: np.ndarray) -> tuple[pa.Array, np.ndarray]:
    # A sort beats a hash table here: half the time at two million distinct ids of four million, and sorted at the end.
    order = np.argsort(values)
    ordered = values[order]
    starts = np.concatenate([ordered[:1] == ordered[:1], ordered[1:] != ordered[:-1]])
    codes = np.empty(len(values), np.int32)
    codes[order] = np.cumsum(starts, dtype=np.int32) - 1
    return pa.array(ordered[starts]), codes


def positions(ids: pa.Array, wanted: pa.Array) -> np.ndarray:
    """Where each of ``wanted`` is in ``ids``, int64 [len(wanted)]; -1 for those that are not in it.

    Args:
        ids: int64 or large_string, ascending and distinct.
        wanted: The same type, any order.
    """
    if not pa.types.is_integer(ids.type):
        return pc.fill_null(pc.index_in(wanted, value_set=ids), -1).to_numpy(zero_copy_only=False).astype(np.int64)
    known, asked = ids.to_numpy(), wanted.to_numpy()
    found = np.searchsorted(known, asked)
    found[found == len(known)] = -1
    if len(known):
        found[known[found] != asked] = -1
    return found


def int_or_large_string(ids: pa.Array | pa.ChunkedArray) -> pa.Array:
    """One contiguous array, int64 or text with 64-bit offsets: a chunk may hold more than two gigabytes of text."""
    if pa.types.is_string(ids.type):
        ids = ids.cast(pa.large_string())
    if not isinstance(ids, pa.ChunkedArray):
        return ids
    return ids.combine_chunks() if ids.num_chunks else pa.array([], ids.type)
