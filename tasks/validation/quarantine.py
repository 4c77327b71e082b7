"""Faulty rows that were set aside, found from the validated partition that was made beside them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import pyarrow as pa

from pinsage.store import Store, Version
from pinsage.store.manifest import fingerprint_of


def quarantined_rows(store: Store, validated: Version) -> pa.Table | None:
    """The rows with their reasons (column ``reason``); None where there are none."""
    if not validated.facts["num_quarantined"]:
        return None
    made, table = validated.manifest, validated.dataset.partition("/")[2]
    # Made beside it, from the same.
    name = fingerprint_of(f"quarantine/{table}", validated.partition, made.code_version, made.inputs, made.config)
    quarantine = store.find(f"quarantine/{table}", validated.partition, name)
    return None if quarantine is None else quarantine.table(table)


def reasons_of(row_reason: str) -> list[str]:
    """The faults of a row, which may have several."""
    return row_reason.split(", ")


def count_reasons(tables: Iterable[pa.Table]) -> Counter[str]:
    """Rows by fault; a row with several counts for each."""
    counts: Counter[str] = Counter()
    for rows in tables:
        for reason in rows.column("reason").to_pylist():
            counts.update(reasons_of(reason))
    return counts
