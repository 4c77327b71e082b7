"""Small deliveries through the real ingestion, and what lies in the store afterwards."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tasks.data.ingest import ingest
from tasks.data.ingestion.mapping import IngestMapping
from tasks.runtime.session import Session

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def save_times(folder: Path, times: pa.Array | Sequence[str], **options: Any) -> list[datetime]:
    """Deliver saves with these times, text as CSV, into a store of their own; the times in the store, in order."""
    session = new_store(folder)
    path = folder / ("saves.csv" if isinstance(times, list) else "saves.parquet")
    if isinstance(times, list):
        path.write_text("board_id,item_id,saved_at\n" + "".join(f'{row},{row},"{t}"\n' for row, t in enumerate(times)))
    else:
        rows = range(len(times))
        pq.write_table(pa.table({"board_id": rows, "item_id": rows, "saved_at": times}), path)
    ingest(session, items=None, saves=path, mapping=IngestMapping(**options))
    rows = [row for table in stored(session, "saves") for row in table.to_pylist()]
    return [row["saved_at"] for row in sorted(rows, key=lambda row: int(row["item_id"]))]


def save_boards(session: Session, folder: Path, boards: pa.Array | Sequence[str], day: str = "2026-03-01") -> list[Any]:
    """Deliver a day of saves to these boards, text as CSV; the boards in the store."""
    path = folder / (f"{day}.csv" if isinstance(boards, list) else f"{day}.parquet")
    if isinstance(boards, list):
        path.write_text("board_id,item_id\n" + "".join(f'"{board}",{row}\n' for row, board in enumerate(boards)))
    else:
        pq.write_table(pa.table({"board_id": boards, "item_id": range(len(boards))}), path)
    ingest(session, items=None, saves=path, day=day)
    return [board for table in stored(session, "saves", day) for board in table.column("board_id").to_pylist()]


def item_columns(
    session: Session, folder: Path, columns: dict[str, Any], day: str = "2026-03-01", **options: Any
) -> pa.Table:
    """Deliver items with these columns, text as CSV where ``csv`` is given; the rows in the store."""
    path = folder / f"items-{day}.parquet"
    size = len(next(iter(columns.values())))
    pq.write_table(pa.table({"item_id": range(size), **columns}), path)
    ingest(session, items=path, saves=None, mapping=IngestMapping(**options), day=day)
    (table,) = stored(session, "items", day)
    return table


def stored(session: Session, table: str, day: str | None = None) -> list[pa.Table]:
    """The rows in force of a day, or of all days."""
    days = [day] if day else session.store.ref_names(f"raw/{table}")
    versions = [session.store.referenced(f"raw/{table}/{name}") for name in days]
    return [version.table(table) for version in versions if version is not None]


def new_store(folder: Path) -> Session:
    """A store that nothing was delivered to."""
    number = len(list(folder.glob("store-*")))
    return Session.open(str(folder / f"store-{number}"))
