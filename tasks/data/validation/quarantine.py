"""Faulty rows that were set aside, found from the validated partition that was made beside them."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from pinsage.store import Store, Version
from pinsage.store.manifest import fingerprint_of


def quarantined_rows(store: Store, validated: Version, columns: Sequence[str] | None = None) -> pa.Table | None:
    """The rows with their reasons (column ``reason``, see `reasons.py`), or some columns; None where there are none."""
    if not validated.facts["num_quarantined"]:
        return None
    made, table = validated.manifest, validated.dataset.partition("/")[2]
    # Made beside it, from the same.
    name = fingerprint_of(f"quarantine/{table}", validated.partition, made.code_version, made.inputs, made.config)
    quarantine = store.find(f"quarantine/{table}", validated.partition, name)
    return None if quarantine is None else quarantine.table(table, columns and list(columns))
