"""What the tables share: types of ids and times, and the prefixes of an item's feature columns."""

from __future__ import annotations

import re

import pyarrow as pa

TIME = pa.timestamp("us", tz="UTC")
VECTOR = "vector."
CATEGORICAL = "categorical."
NUMERIC = "numeric."
SPLITS = ("train", "tune", "test")
# Numbers, weights and components of vectors are smaller in size: their squares stay within single precision, and larger
# ones, such as the smallest integer and the largest float or double, are how files write "no number".
LARGEST = 2.0**63

_FEATURE_NAME = re.compile(r"[^\x00-\x1f]{1,100}")


def check_feature_name(prefix: str, name: str) -> str:
    """Return ``prefix + name``, the column of a named feature.

    Raises:
        ValueError: The name is empty, over 100 characters or holds control characters.
    """
    if not _FEATURE_NAME.fullmatch(name):
        raise ValueError(f"{prefix}{name!r}: expected 1 to 100 printable characters as the feature's name")
    return prefix + name


def is_id_type(kind: pa.DataType) -> bool:
    """Ids are int64 or strings; one dataset holds one of the two."""
    return kind in (pa.int64(), pa.string())


def id_type(name: str) -> pa.DataType:
    """Arrow type of ``int64`` or ``string``.

    Raises:
        ValueError: Another name.
    """
    kinds: dict[str, pa.DataType] = {"int64": pa.int64(), "string": pa.string()}
    if name not in kinds:
        raise ValueError(f"id type {name!r}: expected one of {sorted(kinds)}")
    return kinds[name]
