"""Rows that are faulty for several reasons at once: set aside, counted for each reason, told with row and column."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from schemas import ENGAGEMENTS, ITEMS, SAVES, TABLES, Table
from schemas.columns import LARGEST
from schemas.config import ValidationConfig
from schemas.rules import LIMITED_APART
from tasks.data.ingest import ingest
from tasks.data.ingestion.mapping import IngestMapping
from tasks.data.validate import ValidationFailedError, validate_days
from tasks.data.validation import reasons
from tasks.data.validation.data_docs import write_data_docs
from tasks.data.validation.row_faults import row_faults
from tasks.prepare.build_catalog import build_catalog
from tasks.report.ingested import quarantine_counts
from tasks.runtime.session import Session
from tests.tasks.test_validation_rules import deliver, texts

DAY = "2026-03-01"
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
LONG = "x" * 600
NUM_GOOD = 40


def all_subsets(names: Any) -> list[tuple[str, ...]]:
    return [subset for size in range(1, len(names) + 1) for subset in combinations(names, size)]


@pytest.mark.parametrize("schema", [ITEMS, SAVES, ENGAGEMENTS])
def test_every_combination_of_reasons_is_counted_reason_by_reason(schema: Table) -> None:
    names = list(schema.reasons)
    subsets = all_subsets(names)
    masks = {name: np.array([name in subset for subset in subsets]) for name in names}
    cells = pa.chunked_array([reasons.joined(masks, np.arange(len(subsets)))])
    assert [tuple(cell) for cell in reasons.split(cells).to_pylist()] == subsets
    assert reasons.counted(cells) == {name: 2 ** (len(names) - 1) for name in names}
    for wanted in subsets:
        shared = [bool(set(wanted) & set(subset)) for subset in subsets]
        assert reasons.having(cells, wanted).to_pylist() == shared


FAULTS: dict[str, dict[str, Any]] = {
    "null_key": {"item_id": None},
    "no_board": {"board_id": None},
    "long_id": {"board_id": LONG},
    "wrong_time": {"saved_at": datetime(2026, 3, 2, tzinfo=UTC)},
    "unknown_item": {"item_id": "unknown"},
    "wrong_weight": {"weight": float("inf")},
    "duplicate": {},
}
SETTINGS = {"validation.max_quarantine_share": 1.0, "validation.max_unknown_item_share": 1.0}


def faulty_saves(faults: list[tuple[str, ...]]) -> pa.Table:
    """Good saves, then one save with each of the combinations of faults."""
    rows = [
        {"board_id": f"{row}", "item_id": f"{row % 10}", "saved_at": NOON, "split": None, "weight": 1.0}
        for row in range(NUM_GOOD)
    ]
    for number, names in enumerate(faults):
        row = {**rows[0], "board_id": f"faulty {number}"}
        for name in names:
            row = {**row, **FAULTS[name]}
        rows.append(row)
    schema = SAVES.columns(pa.string(), pa.string()).append(SAVES.optional.field("weight"))
    return pa.Table.from_pylist(rows, schema=schema)


def open_with_items(root: Path, settings: dict[str, Any]) -> Session:
    session = Session.open(str(root), settings)
    columns = {name: pa.nulls(10, pa.string()) for name in ("title", "text", "image_url")}
    deliver(session, "items", DAY, pa.table({"item_id": texts(range(10)), **columns}))
    return session


def test_saves_with_several_faults_do_not_stop_the_report(tmp_path: Path) -> None:
    session = open_with_items(tmp_path, SETTINGS)
    possible = [
        subset for subset in all_subsets([name for name in FAULTS if name != "duplicate"])
        if not {"null_key", "unknown_item"} <= set(subset) and not {"no_board", "long_id"} <= set(subset)
    ]  # fmt: skip
    deliver(session, "saves", DAY, faulty_saves(possible))
    with capture_logs() as logs:
        validate_days(session, [DAY])
    expected = Counter(name for subset in possible for name in subset)
    (entry,) = [entry for entry in logs if entry["event"] == "validate: rows in quarantine"]
    assert entry["reasons"] == expected
    assert entry["rows"] == len(possible)
    assert f"{DAY} row {NUM_GOOD + 1}: {possible[0][0]} (item_id)" in entry["examples"]
    catalog = build_catalog(session, DAY)
    versions = [session.store.version(uri) for uri in catalog.json("partitions")["saves"]]
    assert dict(quarantine_counts(session.store, versions)) == {
        f"saves: {SAVES.reasons[name]}": count for name, count in expected.items()
    }
    page = Path(write_data_docs(session, DAY, catalog)).read_text()
    assert "no_board, unknown_item" in page


@given(st.lists(st.sets(st.sampled_from(sorted(set(FAULTS) - {"duplicate"})), min_size=1), min_size=1, max_size=8))
def test_faults_of_saves_are_found_whatever_else_is_wrong_with_the_row(faults: list[set[str]]) -> None:
    named = [tuple(sorted(names)) for names in faults]
    table = faulty_saves(named)
    known = pa.chunked_array([texts(range(10))])
    found = row_faults(table, SAVES, DAY, True, known, {}, ValidationConfig())
    for number, names in enumerate(named):
        row = table.slice(NUM_GOOD + number, 1).to_pylist()[0]
        marked = {name for name, mask in found.masks.items() if mask[NUM_GOOD + number]}
        later = {"null_key": row["item_id"] is not None, "unknown_item": row["item_id"] is None}
        later |= {"no_board": row["board_id"] is not None, "long_id": row["board_id"] is None}
        assert marked == {name for name in names if not later.get(name)}
    assert not any(mask[:NUM_GOOD].any() for mask in found.masks.values())


ITEM_FAULTS: dict[str, dict[str, Any]] = {
    "null_key": {"item_id": None},
    "long_id": {"item_id": LONG},
    "wrong_vector": {"vector.image": [1.0, None]},
    "infinite_number": {"numeric.price": -np.inf},
}
ENGAGEMENT_FAULTS: dict[str, dict[str, Any]] = {
    "null_key": {"query_id": None},
    "long_id": {"query_id": LONG},
    "wrong_time": {"engaged_at": None},
    "unknown_item": {"item_id": "unknown"},
}
GOOD_ITEM = {
    "item_id": "9",
    "title": None,
    "text": None,
    "image_url": None,
    "vector.image": [1.0, 2.0],
    "numeric.price": 5.0,
}
GOOD_ENGAGEMENT = {"query_id": "1", "item_id": "2", "engaged_at": NOON, "split": None}
ITEM_SCHEMA = (
    ITEMS.columns(pa.string(), pa.string())
    .append(pa.field("vector.image", pa.list_(pa.float32())))
    .append(pa.field("numeric.price", pa.float64()))
)


@pytest.mark.parametrize(
    ("schema", "columns", "good", "faults"),
    [
        (ITEMS, ITEM_SCHEMA, GOOD_ITEM, ITEM_FAULTS),
        (ENGAGEMENTS, ENGAGEMENTS.columns(pa.string(), pa.string()), GOOD_ENGAGEMENT, ENGAGEMENT_FAULTS),
    ],
)
def test_every_combination_of_faults_is_found(
    schema: Table, columns: pa.Schema, good: dict[str, Any], faults: dict[str, dict[str, Any]]
) -> None:
    subsets = [subset for subset in all_subsets(faults) if not {"null_key", "long_id"} <= set(subset)]
    rows = [good]
    for subset in subsets:
        row = dict(good)
        for name in subset:
            row |= faults[name]
        rows.append(row)
    known = pa.chunked_array([texts(range(10))]) if schema is ENGAGEMENTS else None
    widths = {"image": 2} if schema is ITEMS else {}
    table = pa.Table.from_pylist(rows, schema=columns)
    found = row_faults(table, schema, DAY, True, known, widths, ValidationConfig())
    long_id_is_unknown = schema is ENGAGEMENTS
    for number, subset in enumerate(subsets, start=1):
        marked = {name for name, mask in found.masks.items() if mask[number]}
        expected = set(subset) | ({"unknown_item"} if long_id_is_unknown and "long_id" in subset else set())
        assert marked == expected
    assert not any(mask[0] for mask in found.masks.values())


def test_a_failed_day_names_rows_and_counts_those_with_two_faults_under_each(tmp_path: Path) -> None:
    session = open_with_items(
        tmp_path, {"validation.max_no_board_share": 0.1, "validation.max_unknown_item_share": 0.1}
    )
    deliver(session, "saves", DAY, faulty_saves([("no_board", "unknown_item")] * 20 + [("wrong_time",)]))
    with pytest.raises(ValidationFailedError) as caught:
        validate_days(session, [DAY])
    message = str(caught.value)
    assert "share_no_board: got 0.3279 (20 rows)" in message
    assert "share_unknown_item: got 0.3279 (20 rows)" in message
    assert f"row {NUM_GOOD + 1}: {{'board_id': None, 'item_id': 'unknown'" in message
    assert "'reason': 'no_board, unknown_item', 'faulty_column': 'board_id, item_id'" in message


def test_a_bad_time_is_told_with_its_row(tmp_path: Path) -> None:
    session = open_with_items(tmp_path, {})
    deliver(session, "saves", DAY, faulty_saves([("wrong_time",)] * 20))
    with pytest.raises(ValidationFailedError, match=rf"(?s)share_wrong_time: .*row {NUM_GOOD + 1}: .*saved_at"):
        validate_days(session, [DAY])


def test_limits_are_known_for_every_reason() -> None:
    assert set(LIMITED_APART) <= {reason for schema in TABLES.values() for reason in schema.reasons}


MISSING = {
    "nothing": (pa.array([None, "b"]), ["no_board"]),
    "empty text": (pa.array(["", "b"]), ["no_board"]),
    "the smallest integer": (pa.array([-(2**63), 2]), ["no_board"]),
    "minus one is an id": (pa.array([-1, 2]), []),
    "NaN": (pa.array([float("nan"), 2.0]), ["no_board"]),
}


@pytest.mark.parametrize("case", MISSING)
def test_a_missing_board_is_a_guest_however_it_is_written(tmp_path: Path, case: str) -> None:
    boards, expected = MISSING[case]
    session = Session.open(str(tmp_path / "store"))
    pq.write_table(pa.table({"item_id": [1, 2]}), tmp_path / "items.parquet")
    pq.write_table(pa.table({"board_id": boards, "item_id": [1, 2]}), tmp_path / "saves.parquet")
    ingest(session, items=tmp_path / "items.parquet", saves=tmp_path / "saves.parquet", day=DAY)
    validate_days(session, [DAY])
    set_aside = [version.table("saves") for version in session.store.versions("quarantine/saves", DAY)]
    assert [cell for table in set_aside for cell in table.column("reason").to_pylist()] == expected


SIZES = [LARGEST, -LARGEST, float(np.finfo(np.float32).max), 1e154, -1e300, float(np.finfo(np.float64).max), np.inf]


def test_numbers_vectors_and_weights_that_are_no_numbers_are_set_aside(tmp_path: Path) -> None:
    session = Session.open(str(tmp_path / "store"), SETTINGS)
    assert float(np.iinfo(np.int64).min) == -LARGEST, "how pandas and databases write a missing integer"
    num, vector = len(SIZES) + 20, [1.0, 2.0]
    prices = [*SIZES, *[1.0] * 18, np.nextafter(LARGEST, 0), -1.0]
    vectors: list[list[float | None]] = [[0.5, size] for size in SIZES] + [[1.0, None]] + [[*vector]] * 19
    table = pa.table({"item_id": range(num), "price": prices, "image": pa.array(vectors, pa.list_(pa.float64()))})
    pq.write_table(table, tmp_path / "items.parquet")
    boards = pa.table({"board_id": range(num), "item_id": [num - 1] * num, "weight": prices})
    pq.write_table(boards, tmp_path / "saves.parquet")
    mapping = IngestMapping(numeric=("price",), vectors={"image": "image"}, weight="weight")
    ingest(session, items=tmp_path / "items.parquet", saves=tmp_path / "saves.parquet", mapping=mapping, day=DAY)
    with capture_logs() as logs:
        validate_days(session, [DAY])
    (set_aside,) = session.store.versions("quarantine/items", DAY)
    rows = set_aside.table("items").select(["row", "reason", "faulty_column"]).to_pylist()
    both = {"reason": "wrong_vector, infinite_number", "faulty_column": "vector.image, numeric.price"}
    assert rows == [
        *({"row": row + 1, **both} for row in range(len(SIZES))),
        {"row": len(SIZES) + 1, "reason": "wrong_vector", "faulty_column": "vector.image"},
    ]
    (set_aside,) = session.store.versions("quarantine/saves", DAY)
    heavy = set_aside.table("saves").column("row").to_pylist()
    assert heavy == [*range(1, len(SIZES) + 1), num - 1, num], "in single precision the number below 2**63 is 2**63"
    examples = [example for entry in logs for example in entry.get("examples", [])]
    assert f"{DAY} row 1: wrong_vector, infinite_number (vector.image, numeric.price)" in examples
