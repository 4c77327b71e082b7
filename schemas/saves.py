"""Saves: the edges of the graph. One row says that ``item_id`` was saved to ``board_id`` at ``saved_at``."""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa

from schemas.columns import TIME
from schemas.rules import SCHEMA_RULE, Rule, share_rules, volume_rules
from schemas.table import Table

_REASONS = {
    "null_key": "item_id is null",
    "no_board": "board_id is null, as of a guest whose saves belong to nobody",
    "long_id": "an id is longer than allowed",
    "wrong_time": "saved_at is null or outside the partition's day",
    "unknown_item": "no items partition up to the day holds the item",
    "wrong_weight": "weight is null, not above 0 or not below 2**63 (9.2e18)",
    "duplicate": "repeats board_id, item_id and saved_at of an earlier row",
}


def _columns(id_type: pa.DataType, board_id_type: pa.DataType) -> pa.Schema:
    """Columns: saved_at in microseconds UTC, null when untimed; split train, tune or test when untimed, else null."""
    return pa.schema([("board_id", board_id_type), ("item_id", id_type), ("saved_at", TIME), ("split", pa.string())])


def _rules(limits: Mapping[str, float]) -> list[Rule]:
    """What a day of saves must satisfy."""
    return [
        SCHEMA_RULE,
        *volume_rules(limits),
        *share_rules(_REASONS, limits),
        Rule(
            "max_board_share",
            "share of the day's saves on one board",
            high=limits["max_board_share"],
            settings="max_board_share, degree_min_saves",
        ),
        Rule(
            "max_item_share",
            "share of the day's saves of one item",
            high=limits["max_item_share"],
            settings="max_item_share, degree_min_saves",
        ),
    ]


SAVES = Table(
    name="saves",
    key=("board_id", "item_id", "saved_at"),
    ids=("board_id", "item_id"),
    item_ids=("item_id",),
    time_column="saved_at",
    reasons=_REASONS,
    columns=_columns,
    rules=_rules,
    # How much a save counts in the walks; a delivery without it has saves of weight 1.
    optional=pa.schema([("weight", pa.float32())]),
)
