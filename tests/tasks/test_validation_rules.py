"""Every rule has a day that breaks it and nothing else; missing, empty and broken days are told apart."""

from __future__ import annotations

import random
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from pinsage.store import DamagedVersionError
from schemas import TABLES
from schemas.config import ValidationConfig
from tasks.data.deliveries import Deliveries, MissingPartitionError
from tasks.data.validate import ValidationFailedError, validate_days
from tasks.data.validation.row_faults import common_width
from tasks.runtime.session import Session
from tests.faults.test_damage import spoil

SETTINGS: dict[str, Any] = {
    "validation.volume_min_days": 3,
    "validation.min_volume_ratio": 0.1,
    "validation.max_no_board_share": 0.5,
    "validation.degree_min_saves": 100,
    "validation.max_board_share": 0.5,
    "validation.max_item_share": 0.5,
}
LIMITS = {**ValidationConfig().model_dump(), "quarantined": 0.1, "duplicate": 0.8, "unknown_item": 0.2, "no_board": 0.5}
NUM_ROWS, NUM_ITEMS = 300, 60


def day_of(number: int) -> str:
    return (datetime(2026, 3, 1) + timedelta(days=number)).date().isoformat()


def deliver(session: Session, table: str, day: str, rows: pa.Table, timed: bool = True) -> None:
    """A raw partition as it is, past the ingestion that would have refused some of them."""
    facts = {"timed": timed, "id_type": "string", "board_id_type": "string"}
    with session.store.write(f"raw/{table}", partition=day, inputs=[], config={"day": day}, code_version=1) as out:
        out.write_table(table, rows)
        out.facts.update(num_rows=rows.num_rows, **facts)
    session.store.ref(f"raw/{table}/{day}").point_to(out.version.uri)


def texts(values: Any) -> pa.Array:
    return pa.array([None if value is None else f"{value}" for value in values], pa.string())


def good_saves(day: str, num_rows: int = NUM_ROWS) -> dict[str, Any]:
    noon = datetime.fromisoformat(day).replace(hour=12, tzinfo=UTC)
    return {
        "board_id": texts(range(num_rows)),
        "item_id": texts(row % NUM_ITEMS for row in range(num_rows)),
        "saved_at": pa.array([noon] * num_rows, pa.timestamp("us", "UTC")),
        "split": pa.nulls(num_rows, pa.string()),
    }


def good_items(first: int = 0) -> dict[str, Any]:
    names = ("title", "text", "image_url")
    return {
        "item_id": texts(range(first, first + NUM_ITEMS)),
        **{name: pa.nulls(NUM_ITEMS, pa.string()) for name in names},
        "vector.image": pa.array(np.ones((NUM_ITEMS, 3)).tolist(), pa.list_(pa.float32())),
        "numeric.price": pa.array(np.ones(NUM_ITEMS)),
    }


def broken_rules(session: Session, table: str, days: list[str]) -> dict[str, set[str]]:
    """Day -> the rules that it broke, as the page says that the message names; and that no other day failed."""
    with pytest.raises(ValidationFailedError):
        validate_days(session, days)
    page = session.store.page(f"validation/{table}/{days[0]}.txt")
    assert page is not None
    found: dict[str, set[str]] = {}
    for line in page.decode().splitlines():
        if head := re.match(rf"raw/{table} (\S+) \(", line):
            found[head.group(1)] = set()
        elif rule := re.match(r"  (\w+): got ", line):
            found[list(found)[-1]].add(rule.group(1))
    return found


SAVES: dict[str, dict[str, Any]] = {
    "num_schema_faults": {"item_id": pa.array(range(NUM_ROWS))},
    "share_null_key": {"item_id": texts([None] * 100 + [row % NUM_ITEMS for row in range(200)])},
    "share_no_board": {"board_id": texts([None] * 160 + list(range(140)))},
    "share_long_id": {"board_id": texts([f"{row}" + "x" * 4096 for row in range(100)] + list(range(200)))},
    "share_wrong_time": {"saved_at": pa.array([datetime(2020, 1, 1)] * NUM_ROWS, pa.timestamp("us", "UTC"))},
    "share_unknown_item": {"item_id": texts(row % 30 * (1 + row % 2) + row % 2 * 100 for row in range(NUM_ROWS))},
    "share_wrong_weight": {"weight": pa.array([1.0, 0.0, -1.0, np.nan, np.inf, None] * 50, pa.float32())},
    "share_duplicate": {name: texts(row % 30 for row in range(NUM_ROWS)) for name in ("board_id", "item_id")},
    "max_board_share": {"board_id": texts(["hub"] * 160 + list(range(140))), "item_id": None},
    "max_item_share": {"item_id": texts([7] * 160 + [row % NUM_ITEMS for row in range(140)])},
}


def test_every_rule_of_saves_is_broken_alone(tmp_path: Path) -> None:
    session = Session.open(str(tmp_path), SETTINGS)
    deliver(session, "items", day_of(0), pa.table(good_items()))
    expected, day = {}, day_of(0)
    for number, (rule, change) in enumerate([*SAVES.items(), ("volume_ratio", {}), ("good", {})]):
        day = day_of(number + 4)
        columns = {**good_saves(day), **{name: column for name, column in change.items() if column is not None}}
        if rule == "max_board_share":  # a board may hold an item once
            columns["item_id"] = texts(row % NUM_ITEMS for row in range(NUM_ROWS))
            columns["saved_at"] = pa.array(
                [datetime.fromisoformat(day) + timedelta(seconds=row) for row in range(NUM_ROWS)],
                pa.timestamp("us", "UTC"),
            )
        deliver(session, "saves", day, pa.table(good_saves(day, 5) if rule == "volume_ratio" else columns))
        expected[day] = {rule}
    for number in range(4):
        deliver(session, "saves", day_of(number), pa.table(good_saves(day_of(number))))
    known = {rule.measure for rule in TABLES["saves"].rules(LIMITS)}
    assert {rule for rules in expected.values() for rule in rules} >= known - {"share_quarantined"}
    days = session.store.ref_names("raw/saves")
    found = broken_rules(session, "saves", days)
    del expected[day]  # the good one
    # The share of all faults follows from that of one.
    assert {name: rules - {"share_quarantined"} for name, rules in found.items()} == expected
    deliveries = Deliveries(session)
    assert [known for known in days if deliveries.validated("saves", known) is None] == list(expected)


ITEMS: dict[str, dict[str, Any]] = {
    "num_schema_faults": {"title": pa.array(range(NUM_ITEMS))},
    "num_width_changes": {"vector.image": pa.array(np.ones((NUM_ITEMS, 4)).tolist(), pa.list_(pa.float32()))},
    "num_missing_features": {"vector.image": None},
    "share_null_key": {"item_id": texts([None] * 20 + list(range(1000, 1040)))},
    "share_long_id": {"item_id": texts([f"{row}" + "\u00e9" * 400 for row in range(20)] + list(range(2000, 2040)))},
    "share_wrong_vector": {
        "vector.image": pa.array(
            [[1.0, np.nan, 0.0]] * 10 + [[1.0, np.inf, 0.0]] * 10 + [[1.0]] * 5 + [[None, 1.0, 1.0]] * 5
            + [[1.0, 1.0, 1.0]] * 30, pa.list_(pa.float32()),
        )
    },
    "share_infinite_number": {"numeric.price": pa.array([np.inf] * 20 + [-np.inf] * 20 + [1.0] * 20)},
    "share_duplicate": {"item_id": texts([row % 2 + 9000 for row in range(NUM_ITEMS)])},
}  # fmt: skip


def test_every_rule_of_items_is_broken_alone(tmp_path: Path) -> None:
    session = Session.open(str(tmp_path), SETTINGS)
    deliver(session, "items", day_of(0), pa.table(good_items()))
    expected = {}
    for number, (rule, change) in enumerate(ITEMS.items(), start=1):
        columns = {
            name: column for name, column in {**good_items(100 * number), **change}.items() if column is not None
        }
        deliver(session, "items", day_of(number), pa.table(columns))
        expected[day_of(number)] = {rule}
    known = {rule.measure for rule in TABLES["items"].rules(LIMITS)}
    assert {rule for rules in expected.values() for rule in rules} >= known - {"share_quarantined"}
    found = broken_rules(session, "items", list(expected))
    assert {name: rules - {"share_quarantined"} for name, rules in found.items()} == expected


def test_engagements_answer_to_the_rules_of_saves() -> None:
    shared = {rule.measure for rule in TABLES["saves"].rules(LIMITS)}
    own = {rule.measure for rule in TABLES["engagements"].rules(LIMITS)}
    kept = {"share_duplicate", "share_no_board", "share_wrong_weight", "max_board_share", "max_item_share"}
    assert shared - own == kept, "pairs recur"


def test_missing_empty_and_broken_days_are_told_apart(tmp_path: Path) -> None:
    session = Session.open(str(tmp_path), SETTINGS)
    deliver(session, "items", day_of(0), pa.table(good_items()))
    deliver(session, "saves", day_of(0), pa.table(good_saves(day_of(0))))
    deliver(session, "saves", day_of(1), pa.table(good_saves(day_of(1), 0)))
    validate_days(session, [day_of(0), day_of(1)])
    assert Deliveries(session).require_validated("saves", day_of(1)).facts["num_rows"] == 0
    with pytest.raises(MissingPartitionError, match=f"{day_of(2)} was never delivered"):
        Deliveries(session).require_validated("saves", day_of(2))

    strict = Session.open(str(tmp_path), {**SETTINGS, "validation.accept_empty": False})
    assert broken_rules(strict, "saves", [day_of(0), day_of(1)]) == {day_of(1): {"num_rows"}}

    deliver(session, "saves", day_of(3), pa.table(good_saves(day_of(3))))
    raw = session.store.referenced(f"raw/saves/{day_of(3)}")
    spoil(raw.path("saves"), "truncated", random.Random(0))
    with pytest.raises(DamagedVersionError, match=r"saves-\w+\.parquet.*pinsage drop"):
        validate_days(session, [day_of(3)])


def test_a_failure_names_rule_columns_count_and_rows(tmp_path: Path) -> None:
    session = Session.open(str(tmp_path), SETTINGS)
    deliver(session, "items", day_of(0), pa.table(good_items()))
    deliver(session, "saves", day_of(0), pa.table({**good_saves(day_of(0)), **SAVES["share_null_key"]}))
    without = {name: column for name, column in good_saves(day_of(1)).items() if name != "item_id"}
    others = {"split": pa.array(range(NUM_ROWS)), "weight": pa.array(range(NUM_ROWS))}
    deliver(session, "saves", day_of(1), pa.table({**without, **others}))
    with pytest.raises(ValidationFailedError) as caught:
        validate_days(session, [day_of(0), day_of(1)])
    message = str(caught.value)
    assert "share_null_key: got 0.3333 (100 rows), expected at most 0.1 (share of rows: item_id is null" in message
    assert "{'board_id': '0', 'item_id': None" in message
    assert f"'saved_at': '{day_of(0)}T" in message
    assert "item_id is missing, expected string" in message
    assert "split is int64, expected string" in message
    assert "weight is int64, expected float" in message


def test_empty_lists_do_not_set_the_width_of_vectors() -> None:
    lists = pa.list_(pa.float32())
    assert common_width(pa.chunked_array([pa.array([[], [], None, [1.0, 2.0]], lists)])) == 2
    assert common_width(pa.chunked_array([pa.array([[], None], lists)])) is None
