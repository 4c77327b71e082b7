"""A table of deliveries: its columns, its key, why a row may be refused, and the rules of a day."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import pyarrow as pa

from schemas.rules import Rule


@dataclass(frozen=True)
class Table:
    """What writers, validation and readers of one table agree on.

    Attributes:
        name: Such as ``saves``.
        key: Columns that a row repeats an earlier one by.
        ids: Columns that hold ids.
        item_ids: Those of them whose items must be known.
        time_column: The time of a row; None where rows have none.
        reasons: Why a row is set aside, and what that means.
        columns: From the types of item ids and board ids, the columns that every partition has.
        rules: From the limits of validation, what Great Expectations judges of a day.
        optional: Columns that a delivery may leave out.
    """

    name: str
    key: tuple[str, ...]
    ids: tuple[str, ...]
    item_ids: tuple[str, ...]
    time_column: str | None
    reasons: Mapping[str, str]
    columns: Callable[[pa.DataType, pa.DataType], pa.Schema]
    rules: Callable[[Mapping[str, float]], list[Rule]]
    optional: pa.Schema = field(default_factory=lambda: pa.schema([]))
