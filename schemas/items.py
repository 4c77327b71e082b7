"""Items: what is recommended, with the columns that people read and those that become features."""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa

from schemas.rules import SCHEMA_RULE, Rule, share_rules, volume_rules
from schemas.table import Table

_REASONS = {
    "null_key": "item_id is null",
    "long_id": "the id is longer than allowed",
    "wrong_vector": "a feature vector has another width than the others, or numbers that are null or not below 2**63",
    "infinite_number": "a numeric column is infinite or its size 2**63 (9.2e18) or more",
    "duplicate": "repeats the item_id of an earlier row",
}


def _columns(id_type: pa.DataType, board_id_type: pa.DataType) -> pa.Schema:
    """Fixed columns; ``vector.<name>``, ``categorical.<name>`` and ``numeric.<name>`` come on top."""
    del board_id_type
    return pa.schema([("item_id", id_type), ("title", pa.string()), ("text", pa.string()), ("image_url", pa.string())])


def _rules(limits: Mapping[str, float]) -> list[Rule]:
    """What a day of items must satisfy; the number of new items varies too much for a volume rule."""
    return [
        SCHEMA_RULE,
        *(rule for rule in volume_rules(limits) if rule.measure == "num_rows"),
        Rule("num_width_changes", "vector columns of another width than before, or on the first day without", high=0),
        Rule("num_missing_features", "feature columns of the first delivery that this one lacks", high=0),
        *share_rules(_REASONS, limits),
    ]


ITEMS = Table(
    name="items",
    key=("item_id",),
    ids=("item_id",),
    item_ids=(),
    time_column=None,
    reasons=_REASONS,
    columns=_columns,
    rules=_rules,
)
