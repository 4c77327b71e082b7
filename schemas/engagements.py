"""Engagements: logged positive pairs. ``item_id`` was taken right after ``query_id`` at ``engaged_at``."""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa

from schemas.columns import TIME
from schemas.rules import SCHEMA_RULE, Rule, share_rules, volume_rules
from schemas.table import Table

_REASONS = {
    "null_key": "query_id or item_id is null",
    "long_id": "an id is longer than allowed",
    "wrong_time": "engaged_at is null or outside the partition's day",
    "unknown_item": "no items partition up to the day holds one of the items",
}


def _columns(id_type: pa.DataType, board_id_type: pa.DataType) -> pa.Schema:
    """Columns: engaged_at in microseconds UTC, null when untimed; split as for saves. Repeats count: pairs recur."""
    del board_id_type
    return pa.schema([("query_id", id_type), ("item_id", id_type), ("engaged_at", TIME), ("split", pa.string())])


def _rules(limits: Mapping[str, float]) -> list[Rule]:
    """What a day of engagements must satisfy."""
    return [SCHEMA_RULE, *volume_rules(limits), *share_rules(_REASONS, limits)]


ENGAGEMENTS = Table(
    name="engagements",
    key=("query_id", "item_id", "engaged_at"),
    ids=("query_id", "item_id"),
    item_ids=("query_id", "item_id"),
    time_column="engaged_at",
    reasons=_REASONS,
    columns=_columns,
    rules=_rules,
)
