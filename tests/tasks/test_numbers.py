"""Numbers, categories, texts and vectors: the same whatever type or notation they have, or refused with their row."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.data.ingest import ingest
from tasks.data.ingestion.columns import IngestError, Place
from tasks.data.ingestion.mapping import IngestMapping
from tasks.data.ingestion.numbers import as_numbers
from tasks.data.ingestion.texts import as_categories, as_text, as_vectors
from tasks.runtime.session import Session
from tests.tasks.ingested_values import item_columns, new_store, stored

NUMBERS: dict[str, Any] = {
    "doubles": pa.array([7.0, 1299.5, None]),
    "floats": pa.array(np.array([7, 1299.5, np.nan], np.float32)),
    "decimals": pa.array([Decimal("7.00"), Decimal("1299.50"), None]),
    "text": pa.array(["7", "1299.50", "NULL"]),
    "text of SQL": pa.array(["7", "1299.5", "\\N"]),
    "text of pandas": pa.array(["7.0", "1299.5", "nan"]),
    "text of R": pa.array(["7e0", "+1.2995E+03", "NA"]),
    "text with spaces": pa.array([" 7", "1299.5 ", " "]),
    "text without digits in front": pa.array(["7.", "1299.5", "<NA>"]),
    "large text": pa.array(["7", "1299.5", "None"], pa.large_string()),
    "dictionary": pa.array(["7", "1299.5", None]).dictionary_encode(),
}


@pytest.mark.parametrize("form", NUMBERS)
def test_numbers_are_the_same_in_every_form(tmp_path: Path, form: str) -> None:
    table = item_columns(new_store(tmp_path), tmp_path, {"price": NUMBERS[form]}, numeric=("price",))
    assert table.column("numeric.price").to_pylist() == [7.0, 1299.5, None]


@pytest.mark.parametrize(
    "text",
    ["1,299", "1.299,50", "1 299", "1\u00a0299", "1_299", "1'299", "$5", "5 EUR", "12%", "0x1F", "1e", "-", ".", "free",
     "\u0667", "--5", "1e5.0", "5-"],
)  # fmt: skip
def test_text_that_may_be_another_number_is_refused_with_its_row(tmp_path: Path, text: str) -> None:
    prices = pa.array(["5", None, text])
    with pytest.raises(IngestError, match=r"\.parquet: column price: row 3 is ['\"].*expected numbers such as 1299\.5"):
        item_columns(new_store(tmp_path), tmp_path, {"price": prices}, numeric=("price",))


def test_infinite_and_huge_numbers_are_left_to_validation() -> None:
    texts = pa.chunked_array([["inf", "-Infinity", "+inf", "1e999", "-1e300"]])
    assert as_numbers(texts, Place("items")).to_pylist() == [np.inf, -np.inf, np.inf, np.inf, -1e300]
    assert as_numbers(pa.chunked_array([[2**63 - 1]]), Place("items")).to_pylist() == [2.0**63]
    assert as_numbers(pa.chunked_array([[True, None]]), Place("items")).to_pylist() == [1, None]
    assert as_numbers(pa.chunked_array([["True", "false"]]), Place("items")).to_pylist() == [1, 0]


@pytest.mark.parametrize("column", [pa.array([date(2026, 3, 1)]), pa.array([[1.0]]), pa.array([{"a": 1}])])
def test_columns_of_other_types_are_no_numbers(tmp_path: Path, column: pa.Array) -> None:
    with pytest.raises(IngestError, match=r"column price: type .* is no number"):
        item_columns(new_store(tmp_path), tmp_path, {"price": column}, numeric=("price",))


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False) | st.none(), min_size=1))
def test_doubles_survive_their_text(values: list[float | None]) -> None:
    texts = pa.chunked_array([pa.array([None if value is None else repr(value) for value in values], pa.string())])
    assert as_numbers(texts, Place("items")).to_pylist() == values


CATEGORIES: dict[str, Any] = {
    "integers": pa.array([7, 12, None]),
    "floats": pa.array([7.0, 12.0, None]),
    "NaN": pa.array([7.0, 12.0, float("nan")]),
    "decimals": pa.array([Decimal("7.00"), Decimal("12.00"), None]),
    "text": pa.array(["7", "12", None]),
    "text of floats": pa.array(["7.0", "12.0", None]),
    "bytes": pa.array([b"7", b"12", None]),
    "dictionary": pa.array([7, 12, None]).dictionary_encode(),
    "lists": pa.array([[7], [12], None]),
    "lists of floats": pa.array([[7.0], [12.0], None]),
    "lists of text": pa.array([["7.0"], ["12"], None]),
    "lists of dictionaries": pa.DictionaryArray.from_arrays([0, 1], ["7", "12"]),
}


@pytest.mark.parametrize("form", CATEGORIES)
def test_a_category_is_the_same_in_every_form(tmp_path: Path, form: str) -> None:
    column = CATEGORIES[form]
    if form == "lists of dictionaries":
        lists = pa.ListArray.from_arrays(pa.array([0, 1, 2, 2]), column)
        column = pa.ListArray.from_arrays(lists.offsets, column, mask=pa.array([False, False, True]))
    table = item_columns(new_store(tmp_path), tmp_path, {"brand": column}, categorical=("brand",))
    assert table.column("categorical.brand").to_pylist() == ["7", "12", None]


def test_categories_of_other_types_have_one_text() -> None:
    def categories(*values: Any, kind: pa.DataType | None = None) -> list[Any]:
        return as_categories(pa.chunked_array([pa.array(values, kind)]), Place("items")).to_pylist()

    assert categories(True, False) == categories("True", "FALSE") == categories("true", "false") == ["true", "false"]
    assert categories(7.5, -0.0, 1e15) == ["7.5", "0", "1000000000000000"]
    assert categories(Decimal("7.50"), Decimal("0.00"), Decimal("100")) == ["7.5", "0", "100"]
    assert categories(0.1, kind=pa.float32()) == categories(0.1) == ["0.1"]
    assert categories("007", "7.50", "v7.0", "-0", "TRUE story") == ["007", "7.50", "v7.0", "-0", "TRUE story"]
    assert categories(date(2026, 3, 1)) == ["2026-03-01"]


def test_values_of_lists_that_count_as_several_categories_are_told() -> None:
    place = Place("items: column genre")
    lists = pa.chunked_array([pa.array([["R&B|Soul", "jazz"], ["pop"], None])])
    assert as_categories(lists, place).to_pylist() == ["R&B|Soul|jazz", "pop", None]
    assert dict(place.notes) == {"items: column genre: values of lists hold '|' and count as several categories": 1}
    assert as_text(lists, title := Place("items: column title")).to_pylist()[1] == "pop"
    assert not title.notes


def test_nulls_in_lists_of_categories_are_left_out_and_told(tmp_path: Path) -> None:
    session, lists = new_store(tmp_path), pa.array([["a", None, "b"], [None], [], None, ["c"]])
    table = pa.table({"item_id": range(5), "tags": lists})
    pq.write_table(table, tmp_path / "items.parquet")
    summary = ingest(
        session,
        items=tmp_path / "items.parquet",
        saves=None,
        mapping=IngestMapping(categorical=("tags",)),
        day="2026-03-01",
    )
    (rows,) = stored(session, "items")
    assert rows.column("categorical.tags").to_pylist() == ["a|b", "", "", None, "c"]
    (note,) = summary.notes
    assert note.endswith("items.parquet: column tags: values of lists that are null were left out (2 rows)")


@given(
    st.lists(
        st.none()
        | st.lists(st.none() | st.text(st.characters(codec="utf-8", exclude_characters="|"), max_size=4), max_size=4)
    ),
    st.integers(0, 3),
)
def test_lists_keep_what_is_not_null_whatever_the_slice(values: list[Any], start: int) -> None:
    column = pa.chunked_array([pa.array(values, pa.list_(pa.string())).slice(start), pa.array([["z"]])])
    expected = [
        None if cells is None else "|".join(cell for cell in cells if cell is not None) for cells in values[start:]
    ]
    assert as_text(column, Place("items")).to_pylist() == [*expected, "z"]


def test_texts_are_the_text_of_what_they_are() -> None:
    def texts(*values: Any) -> list[Any]:
        return as_text(pa.chunked_array([pa.array(values)]), Place("items")).to_pylist()

    assert texts(2001, 2010) == texts(2001.0, 2010.0) == ["2001", "2010"]
    assert texts(float("nan"), 1.5) == [None, "1.5"]
    assert texts("7.0", "None") == ["7.0", "None"]
    with pytest.raises(IngestError, match=r"row 2 is b'\\xff'; expected text in UTF-8"):
        texts(b"a", b"\xff")


def test_vectors_of_any_numbers() -> None:
    def vectors(values: Any, kind: pa.DataType) -> list[Any]:
        return as_vectors(pa.chunked_array([pa.array(values, kind)]), Place("items")).to_pylist()

    assert vectors([[2**40, 1]], pa.list_(pa.int64())) == [[2.0**40, 1]]
    assert vectors([[1e300, None]], pa.list_(pa.float64())) == [[np.inf, None]]
    assert vectors([[1.0], None, []], pa.large_list(pa.float64())) == [[1.0], None, []]


def test_one_column_may_have_another_type_every_day(tmp_path: Path) -> None:
    """A price is text on one day and a double on the next, a brand an integer and a float: the values are the same."""
    session = Session.open(str(tmp_path / "store"))
    options = {"numeric": ("price",), "categorical": ("brand",)}
    days = {
        "2026-03-01": {"price": pa.array(["5.50", "NULL"]), "brand": pa.array([7, 8])},
        "2026-03-02": {"price": pa.array([5.5, float("nan")]), "brand": pa.array([7.0, 8.0])},
        "2026-03-03": {"price": pa.array([Decimal("5.50"), None]), "brand": pa.array(["7", "8.0"])},
    }
    for day, columns in days.items():
        table = item_columns(session, tmp_path, columns, day, **options)
        assert table.column("numeric.price").to_pylist() == [5.5, None]
        assert table.column("categorical.brand").to_pylist() == ["7", "8"]
