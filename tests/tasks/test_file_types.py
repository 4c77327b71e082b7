"""A column has one type over all files of a delivery, which holds every value exactly, or the delivery is refused."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tasks.data.ingest import ingest
from tasks.data.ingestion.columns import IngestError
from tasks.data.ingestion.files import open_delivery
from tasks.runtime.session import Session

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
Typed = tuple[list[Any], pa.DataType]


def read(folder: Path, *files: Typed) -> list[Any]:
    """The values of the column ``x`` of several files, beside one that is nobody's concern."""
    folder.mkdir(exist_ok=True)
    for number, (values, kind) in enumerate(files):
        nested = pa.array([{"a": [number]}] * len(values)) if number else pa.array(["text"] * len(values))
        table = pa.table({"x": pa.array(values, kind), "unwanted": nested})
        pq.write_table(table if number else table.select(["unwanted", "x"]), folder / f"{number}.parquet")
    return [value for rows in open_delivery(folder).batches(["x"]) for value in rows.table.column("x").to_pylist()]


TAKEN: dict[str, tuple[Typed, Typed]] = {
    "int32, int64": (([1], pa.int32()), ([2**40], pa.int64())),
    "int64, uint64": (([-1], pa.int64()), ([2**63 - 1], pa.uint64())),
    "integers, then nulls": (([2**60 + 1], pa.int64()), ([None], pa.null())),
    "nulls, then text": (([None], pa.null()), (["a"], pa.string())),
    "integers, then floats with gaps": (([1, 2], pa.int64()), ([3.0, None], pa.float64())),
    "floats": (([0.1], pa.float64()), ([0.5], pa.float32())),
    "words as dictionary": ((["a"], pa.string()), (["b", None], pa.dictionary(pa.int8(), pa.string()))),
    "integers as dictionary": (([2**40], pa.int64()), ([3], pa.dictionary(pa.int8(), pa.int32()))),
    "large text, views": ((["a"], pa.large_string()), (["b"], pa.string_view())),
    "decimals": (([Decimal("1.25")], pa.decimal128(10, 2)), ([Decimal("1.2345")], pa.decimal128(12, 4))),
    "decimals, integers": (([Decimal("5")], pa.decimal128(20, 0)), ([2**60 + 1], pa.int64())),
    "units of time": (([NOON], pa.timestamp("ms", "UTC")), ([NOON], pa.timestamp("ns", "UTC"))),
    "zones": (([NOON], pa.timestamp("us", "UTC")), ([NOON], pa.timestamp("us", "Europe/Berlin"))),
    "lists of floats": (([[0.5]], pa.list_(pa.float32())), ([[0.1, None]], pa.list_(pa.float64()))),
    "lists of one length": (([[0.5, 1.0]], pa.list_(pa.float32(), 2)), ([[2.0]], pa.large_list(pa.float32()))),
    "empty lists": (([[]], pa.list_(pa.null())), ([["a"]], pa.list_(pa.string()))),
    "lists of words": (([["a"]], pa.list_(pa.large_string())), ([["b"]], pa.list_(pa.string()))),
}


@pytest.mark.parametrize("case", TAKEN)
def test_types_with_a_common_one(tmp_path: Path, case: str) -> None:
    for files in (TAKEN[case], TAKEN[case][::-1]):
        assert read(tmp_path / "x", *files) == [value for values, _ in files for value in values]


REFUSED: dict[str, tuple[Typed, Typed]] = {
    "integers and text": (([7], pa.int64()), (["007"], pa.string())),
    "booleans and integers": (([True], pa.bool_()), ([1], pa.int64())),
    "dates and times": (([date(2026, 3, 1)], pa.date32()), ([NOON], pa.timestamp("us", "UTC"))),
    "times with a zone and without": (([NOON], pa.timestamp("us", "UTC")), ([NOON], pa.timestamp("us"))),
    "decimals and floats": (([Decimal("1.25")], pa.decimal128(10, 2)), ([0.1], pa.float64())),
    "lists and numbers": (([[1]], pa.list_(pa.int64())), ([1], pa.int64())),
    "lists of text and of numbers": (([["1"]], pa.list_(pa.string())), ([[1.0]], pa.list_(pa.float64()))),
}


@pytest.mark.parametrize("case", REFUSED)
def test_types_without_a_common_one(tmp_path: Path, case: str) -> None:
    for files in (REFUSED[case], REFUSED[case][::-1]):
        with pytest.raises(IngestError, match=r"1\.parquet: column x is .*, but .* in .*0\.parquet; expected types"):
            read(tmp_path / "x", *files)


@pytest.mark.parametrize(
    ("files", "row"),
    [
        ((([1, 2, 2**53 + 1], pa.int64()), ([0.5], pa.float64())), r"0\.parquet: column x: row 3 is 9007199254740993"),
        ((([0.5], pa.float64()), ([2**53 + 1], pa.int64())), r"1\.parquet: column x: row 1 is 9007199254740993"),
        ((([1], pa.int64()), ([1, 2**63], pa.uint64())), r"1\.parquet: column x: row 2 is 9223372036854775808"),
        ((([datetime(2500, 1, 1)], pa.timestamp("s")), ([NOON], pa.timestamp("ns"))), r"0\.parquet: .* row 1 is 2500"),
        ((([[1], [2**53 + 1]], pa.list_(pa.int64())), ([[0.5]], pa.list_(pa.float64()))), r"0\.parquet: .* row 2"),
    ],
)
def test_values_that_the_common_type_cannot_hold(tmp_path: Path, files: tuple[Typed, ...], row: str) -> None:
    with pytest.raises(IngestError, match=row):
        read(tmp_path / "x", *files)


def test_a_column_that_one_file_lacks(tmp_path: Path) -> None:
    read(tmp_path / "x", ([1], pa.int64()))
    pq.write_table(pa.table({"y": [1]}), tmp_path / "x" / "1.parquet")
    with pytest.raises(IngestError, match=r"1\.parquet: no column x; its columns are: y"):
        list(open_delivery(tmp_path / "x").batches(["x"]))


def test_a_column_that_only_later_files_have(tmp_path: Path) -> None:
    for number, columns in enumerate([{"item_id": [1]}, {"title": ["a"], "item_id": [2]}]):
        (tmp_path / "items").mkdir(exist_ok=True)
        pq.write_table(pa.table(columns), tmp_path / "items" / f"{number}.parquet")
    session = Session.open(str(tmp_path / "store"))
    with pytest.raises(IngestError, match=r"0\.parquet: no column title; its columns are: item_id"):
        ingest(session, items=tmp_path / "items", saves=None, day="2026-03-01")
    assert list(session.store.objects.walk("raw")) == []
