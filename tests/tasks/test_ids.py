"""One id is one id, whatever type or notation a file gives it; where its digits are lost it is refused."""

from __future__ import annotations

import uuid
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
from tasks.data.ingestion.ids import IdForm, as_ids, id_form
from tasks.data.ingestion.mapping import IngestMapping
from tasks.runtime.session import Session
from tests.tasks.ingested_values import new_store, save_boards, stored

LATER = "2026-03-02"
FORMS: dict[str, Any] = {
    "int32": pa.array([7, 120], pa.int32()),
    "uint64": pa.array([7, 120], pa.uint64()),
    "float64": pa.array([7.0, 120.0]),
    "float32": pa.array(np.array([7, 120], np.float32)),
    "float16": pa.array(np.array([7, 120], np.float16)),
    "decimal(20, 0)": pa.array([Decimal(7), Decimal(120)], pa.decimal128(20, 0)),
    "decimal(38, 9)": pa.array([Decimal(7), Decimal(120)], pa.decimal128(38, 9)),
    "text": pa.array(["7", "120"]),
    "large text": pa.array(["7", "120"], pa.large_string()),
    "bytes": pa.array([b"7", b"120"]),
    "dictionary": pa.array(["7", "120"]).dictionary_encode(),
    "dictionary of integers": pa.array([7, 120]).dictionary_encode(),
    "CSV": ["7", "120"],
    "CSV of floats": ["7.0", "120.0"],
    "CSV of some floats": ["7", "120.00"],
    "CSV of R": ["7", "1.2e+02"],
    "CSV of Spark": ["7.0", "1.2E2"],
}


@pytest.mark.parametrize("form", FORMS)
def test_ids_of_every_form_are_those_of_the_store(tmp_path: Path, form: str) -> None:
    integers, words = new_store(tmp_path), Session.open(str(tmp_path / "words"))
    assert save_boards(integers, tmp_path, pa.array([7, 120])) == [7, 120]
    assert save_boards(integers, tmp_path, FORMS[form], LATER) == [7, 120]
    assert save_boards(words, tmp_path, pa.array(["7", "x"])) == ["7", "x"]
    assert save_boards(words, tmp_path, FORMS[form], LATER) == ["7", "120"]


GAPS: dict[str, Any] = {
    "nulls": pa.array([7, None]),
    "NaN": pa.array([7.0, float("nan")]),
    "CSV of pandas": ["7.0", ""],
    "CSV of MySQL": ["7", "\\N"],
    "CSV of words": ["7", "NULL"],
    "CSV of Python": ["7", "None"],
    "CSV of NaN": ["7.0", "nan"],
    "CSV of cast NaN": ["7", "-9223372036854775808"],
}


@pytest.mark.parametrize("form", GAPS)
def test_gaps_among_integers_are_missing_ids(tmp_path: Path, form: str) -> None:
    assert save_boards(new_store(tmp_path), tmp_path, GAPS[form]) == [7, None]


KEPT = {
    "leading zeros": ["007", "7"],
    "plus signs": ["+7", "7"],
    "spaces behind": ["7 ", "7"],
    "minus zero": ["-0", "0"],
    "fractions": ["1.0", "1.5"],
    "words": ["nan", "x"],
    "beyond 64 bits": ["9223372036854775808", "7"],
    "digits of other scripts": ["\u0667", "7"],
    "case and Unicode": ["Caf\u00e9", "cafe\u0301"],
    "hexadecimal": ["1e5", "7a1"],
}


@pytest.mark.parametrize("form", KEPT)
def test_text_that_is_no_integer_is_kept_and_refused_by_a_store_of_integers(tmp_path: Path, form: str) -> None:
    assert save_boards(new_store(tmp_path), tmp_path, KEPT[form]) == KEPT[form]
    integers = new_store(tmp_path)
    save_boards(integers, tmp_path, pa.array([7, 120]))
    with pytest.raises(IngestError, match=r"\.csv: column board_id: these files hold text.* row [12] is '"):
        save_boards(integers, tmp_path, KEPT[form], LATER)


BIG = [1234567890123456789, 1234567890123456790, 7000000000000000001, 2**63 - 1, -(2**63) + 1]


@pytest.mark.parametrize("kind", [pa.int64(), pa.decimal128(20, 0), pa.string(), "CSV"])
def test_ids_of_19_digits_keep_them(tmp_path: Path, kind: Any) -> None:
    session = new_store(tmp_path)
    save_boards(session, tmp_path, pa.array([1]))
    boards = [f"{value}" for value in BIG] if kind == "CSV" else pa.array(BIG).cast(kind)
    assert save_boards(session, tmp_path, boards, LATER) == BIG


REFUSED: dict[str, tuple[Any, str]] = {
    "doubles without digits": (pa.array([1.0, 2.0**53]), r"row 2 is 9007199254740992; a float of 64 bits"),
    "negative doubles": (pa.array([1.0, -(2.0**60)]), r"row 2 is -1152921504606846976; a float of 64 bits"),
    "floats without digits": (pa.array(np.array([1, 2**24], np.float32)), r"row 2 is 16777216; a float of 32 bits"),
    "half floats": (pa.array(np.array([1, 2**11], np.float16)), r"row 2 is 2048; a float of 16 bits"),
    "CSV of doubles": (["1.0", "9007199254740992.0"], r"row 2 is '9007199254740992\.0'; written as a float"),
    "CSV of large doubles": (["1.0", "1.23456789e+18"], r"row 2 is '1\.23456789e\+18'; written as a float"),
    "unsigned": (pa.array([1, 2**63], pa.uint64()), r"row 2 is 9223372036854775808; not in range .*--id-type string"),
    "decimals": (pa.array([Decimal(1), Decimal(2**70)]), r"row 2 is 1180591620717411303424; not in range"),
    "fractions": (pa.array([Decimal("1.0"), Decimal("1.5")]), r"row 2 is 1\.5; expected integers or text"),
    "booleans": (pa.array([True, False]), r"type bool is no id"),
    "times": (pa.array([1, 2], pa.timestamp("us")), r"type timestamp.* is no id"),
    "bytes": (pa.array([b"a", b"\xff\xfe"]), r"row 2 is b'\\xff\\xfe'; expected text in UTF-8"),
    "UUIDs as bytes": (pa.array([b"\xff" * 16], pa.binary(16)), r"row 1 is b'\\xff.*UTF-8"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_ids_that_lost_digits_or_have_no_form_are_refused_with_their_row(tmp_path: Path, case: str) -> None:
    boards, message = REFUSED[case]
    with pytest.raises(IngestError, match=rf"column board_id: {message}"):
        save_boards(new_store(tmp_path), tmp_path, boards)


def test_files_of_a_folder_are_judged_by_their_own_precision(tmp_path: Path) -> None:
    folder = tmp_path / "saves"
    folder.mkdir()
    for name, boards in {"a": pa.array([1]), "b": pa.array(np.array([2, 2**24], np.float32))}.items():
        pq.write_table(pa.table({"board_id": boards, "item_id": range(len(boards))}), folder / f"{name}.parquet")
    with pytest.raises(IngestError, match=r"b\.parquet: column board_id: row 2 is 16777216; a float of 32 bits"):
        ingest(new_store(tmp_path), items=None, saves=folder, day=LATER)


def test_uuids_are_their_text(tmp_path: Path) -> None:
    value = uuid.UUID("123e4567-e89b-12d3-a456-426614174000")
    stored = pa.ExtensionArray.from_storage(pa.uuid(), pa.array([value.bytes, None], pa.binary(16)))
    assert save_boards(new_store(tmp_path), tmp_path, stored) == [str(value), None]


def test_unsigned_ids_fit_into_a_store_of_text(tmp_path: Path) -> None:
    session = new_store(tmp_path)
    path = tmp_path / "saves.parquet"
    pq.write_table(pa.table({"board_id": [1], "item_id": pa.array([2**64 - 1], pa.uint64())}), path)
    ingest(session, items=None, saves=path, mapping=IngestMapping(id_type="string"), day=LATER)
    version = session.store.referenced(f"raw/saves/{LATER}")
    assert version is not None
    assert version.table("saves").column("item_id").to_pylist() == [f"{2**64 - 1}"]


@given(st.lists(st.integers(-(2**53) + 1, 2**53 - 1) | st.none(), min_size=1), st.sampled_from(["int64", "string"]))
def test_integers_are_the_same_ids_in_every_form(values: list[int | None], kind: str) -> None:
    """Through text with and without a point, floats, decimals and integers, to both types of ids."""
    store = {"int64": pa.int64(), "string": pa.string()}[kind]
    expected = values if kind == "int64" else [None if value is None else f"{value}" for value in values]
    words = [None if value is None else f"{value}" for value in values]
    forms = [
        pa.array(values, pa.int64()),
        pa.array(values, pa.float64()),
        pa.array([None if value is None else Decimal(value) for value in values], pa.decimal128(38, 9)),
        pa.array(words, pa.string()),
        pa.array([None if word is None else f"{word}.0" for word in words], pa.string()),
    ]
    for column in forms:
        form = id_form(column.type, [pa.chunked_array([column])])
        assert form is not IdForm.TEXT
        assert as_ids(pa.chunked_array([column]), store, Place("saves"), form).to_pylist() == expected


@given(st.lists(st.text(st.sampled_from("0123456789.eE+- xN\u00e9"), min_size=1, max_size=22), min_size=1, max_size=6))
def test_text_ids_become_integers_or_stay_as_they_are(words: list[str]) -> None:
    column = pa.chunked_array([pa.array(words)])
    form = id_form(column.type, [column])
    try:
        ids = as_ids(column, pa.string(), Place("saves"), form).to_pylist()
    except IngestError:
        assert form is IdForm.FLOATS
        return
    if form is IdForm.TEXT:
        assert ids == words
    else:
        assert [int(value) for value in ids if value is not None] == [
            int(float(word)) if set(word) & set(".eE") else int(word)
            for word, value in zip(words, ids, strict=True)
            if value is not None
        ]


@pytest.mark.parametrize("word", ["1e5", "1.0"])
def test_words_that_look_like_numbers_stay_words_in_a_file_of_their_own(tmp_path: Path, word: str) -> None:
    session = new_store(tmp_path)
    items, saves = tmp_path / "items.csv", tmp_path / "saves.csv"
    items.write_text(f"item_id\n{word}\n7a1\n")
    saves.write_text(f"board_id,item_id,saved_at\nx,7a1,2026-03-01\n{word},{word},2026-03-01\n")
    ingest(session, items=items, saves=saves)
    items.write_text(f"item_id\n{word}\n")
    ingest(session, items=items, saves=None, day=LATER)
    saves.write_text(f"board_id,item_id,saved_at\n{word},{word},{LATER}\n")
    ingest(session, items=None, saves=saves)
    (newest_items,), (newest_saves,) = stored(session, "items", LATER), stored(session, "saves", LATER)
    assert newest_items.column("item_id").to_pylist() == [word]
    assert newest_saves.select(["board_id", "item_id"]).to_pylist() == [{"board_id": word, "item_id": word}]
    (first,) = stored(session, "saves", "2026-03-01")
    assert first.column("board_id").to_pylist() == ["x", word]


def test_floats_in_a_store_of_text_without_words_are_its_integers(tmp_path: Path) -> None:
    session = new_store(tmp_path)
    save_boards(session, tmp_path, pa.array(["7", "120"]))
    assert save_boards(session, tmp_path, ["7.0", "1.2E2", "nan"], LATER) == ["7", "120", None]
