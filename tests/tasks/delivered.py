"""Validated partitions and catalogs on a real store, without ingestion and validation in front of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from pinsage.store import Version
from schemas.columns import TIME
from tasks.runtime.session import Session

Rows = Sequence[tuple[int, int]]


def ids(values: Sequence[int] | np.ndarray, kind: str) -> pa.Array:
    """Numbers as ids: themselves, or text that sorts otherwise than they do."""
    if kind == "int64":
        return pa.array(np.asarray(values, np.int64))
    return pa.array([f"id-é{value}" for value in values], pa.string())


def deliver_items(session: Session, day: str, items: Sequence[int] | np.ndarray, kind: str = "int64") -> Version:
    """A day of validated items."""
    return _deliver(session, "items", day, pa.table({"item_id": ids(items, kind)}))


def deliver_saves(
    session: Session,
    day: str,
    saves: Rows | np.ndarray,
    kind: str = "int64",
    splits: Sequence[str] | None = None,
    weights: Sequence[float] | None = None,
) -> Version:
    """A day of validated saves, as (board, item)."""
    pairs = np.asarray(saves, np.int64).reshape(-1, 2)
    at = pa.array([np.datetime64(day, "us")] * len(pairs), pa.timestamp("us")).cast(TIME)
    table = pa.table(
        {
            "board_id": ids(pairs[:, 0], kind),
            "item_id": ids(pairs[:, 1], kind),
            "saved_at": at,
            "split": pa.nulls(len(pairs), pa.string()) if splits is None else pa.array(splits, pa.string()),
        }
    )
    if weights is None:
        return _deliver(session, "saves", day, table)
    return _deliver(
        session, "saves", day, table.append_column("weight", pa.array(weights, pa.float32())), weighted=True
    )


def catalog(
    session: Session, day: str, items: Mapping[str, Version], saves: Mapping[str, Version], *, timed: bool = True
) -> Version:
    """The catalog of a day: partitions by day, those up to it and within the lookback."""
    listed = {
        "items": [version for known, version in sorted(items.items()) if known <= day],
        "saves": [version for known, version in sorted(saves.items()) if known <= day][
            -session.config.graph.lookback_days :
        ],
    }
    inputs = [version for found in listed.values() for version in found]
    with session.store.write(
        "catalog", partition=day, inputs=inputs, config=session.config.graph.of_catalog, code_version=1
    ) as out:
        if not out.is_committed:
            uris = {table: [version.uri for version in found] for table, found in listed.items()}
            out.write_json("partitions", {**uris, "engagements": []})
            kind = listed["items"][0].table("items").schema.field("item_id").type
            out.facts.update(timed=timed, id_type=str(kind))
            if any(version.facts.get("weighted") for version in listed["saves"]):
                out.facts.update(weighted=True)
    return out.version


def _deliver(session: Session, table: str, day: str, rows: pa.Table, **facts: Any) -> Version:
    with session.store.write(
        f"validated/{table}", partition=day, inputs=[], config={"rows": repr(rows.to_pylist())}, code_version=1
    ) as out:
        if not out.is_committed:
            out.write_table(table, rows)
            out.facts.update(facts)
    return out.version
