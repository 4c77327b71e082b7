"""JSON lines: types, nested lists, large integers, and lines that are none."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tasks.data.ingest import ingest
from tasks.data.ingestion import json_files
from tasks.data.ingestion.columns import IngestError
from tasks.data.ingestion.files import open_delivery
from tasks.data.ingestion.mapping import IngestMapping
from tasks.runtime.session import Session


def read(path: Path, columns: list[str], text: str | bytes) -> dict[str, list[Any]]:
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    delivery = open_delivery(path)
    found: dict[str, list[Any]] = {name: [] for name in columns}
    for rows in delivery.batches(columns):
        for name in columns:
            found[name] += rows.table.column(name).to_pylist()
    return found


def lines(*rows: dict[str, Any]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


@pytest.mark.parametrize("suffix", ["jsonl", "ndjson", "json", "jsonl.gz"])
def test_items(tmp_path: Path, suffix: str) -> None:
    rows = [
        {
            "item_id": 2**63 - 1,
            "title": 'a "b"\nc',
            "brand": ["x", "y"],
            "price": 1,
            "image": [1, 2.5],
            "odd": {"a": 1},
        },
        {"item_id": 2**53 + 1, "title": None, "brand": [], "price": 2.5, "image": [0.5, 3], "odd": 7},
        {"item_id": -3, "brand": None, "price": None, "image": None},
    ]
    text = lines(*rows).replace("\n", "\r\n").encode()
    path = tmp_path / f"items.{suffix}"
    path.write_bytes(gzip.compress(text) if suffix.endswith("gz") else b"\xef\xbb\xbf" + text + b"\n")
    session = Session.open(str(tmp_path / "store"))
    mapping = IngestMapping(categorical=("brand",), numeric=("price",), vectors={"image": "image"})
    ingest(session, items=path, saves=None, mapping=mapping, day="2026-03-01")
    version = session.store.referenced("raw/items/2026-03-01")
    assert version is not None
    found = version.table("items").to_pydict()
    assert found["item_id"] == [2**63 - 1, 2**53 + 1, -3]
    assert found["title"] == ['a "b"\nc', None, None]
    assert found["numeric.price"] == [1.0, 2.5, None]
    assert found["vector.image"] == [[1.0, 2.5], [0.5, 3.0], None]
    assert found["categorical.brand"][0] == "x|y"


def test_what_pandas_writes(tmp_path: Path) -> None:
    frame = pd.DataFrame({"item_id": [1, 2**60 + 1], "title": ["caf\u00e9 \u2028", None]})
    path = tmp_path / "items.json"
    frame.to_json(path, orient="records", lines=True)
    assert read(path, ["item_id", "title"], path.read_bytes()) == {
        "item_id": [1, 2**60 + 1], "title": ["caf\u00e9 \u2028", None],
    }  # fmt: skip
    frame.to_json(path, orient="records")
    with pytest.raises(IngestError, match=r"items\.json: row 1 is .*jq -c '\.\[\]'.*JSON lines"):
        read(path, ["item_id"], path.read_bytes())
    frame.to_json(path, orient="records", indent=1)
    with pytest.raises(IngestError, match=r"items\.json: row 1: .*jq -c '\.\[\]'.*JSON lines"):
        read(path, ["item_id"], path.read_bytes())


def test_types_over_batches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_files, "_BATCH_ROWS", 2)
    path = tmp_path / "items.jsonl"
    numbers = [None, None, 1, 2, 2.5, None]
    assert read(path, ["x"], lines(*({"x": number} for number in numbers))) == {"x": numbers}
    late = [{"item_id": 1}, {"item_id": 2}, {"item_id": 3, "x": "late"}]
    assert read(path, ["x"], lines(*late)) == {"x": [None, None, "late"]}
    with pytest.raises(
        IngestError, match=r"from row 3 on: column x is string, but int64 in .*items\.jsonl from row 1 on"
    ):
        read(path, ["x"], lines({"x": 1}, {"x": 2}, {"x": "3"}))
    with pytest.raises(IngestError, match=r"items\.jsonl: column x: row 1 is 9007199254740993: "):
        read(path, ["x"], lines({"x": 2**53 + 1}, {"x": 2}, {"x": 0.5}))


REFUSED = {
    "text among numbers": (lines({"x": 1}, {"x": 2}, {"x": "3"}), r'column x: row 3 is "3": '),
    "numbers among text": (lines({"x": "1"}, {"x": 2}), r"column x: row 2 is 2: "),
    "an integer of more than 64 bits": (lines({"x": 1}, {"x": 2**70}), rf"column x: row 2 is {2**70}: "),
    "lists among numbers": (lines({"x": 1}, {"x": [2]}), r"column x: row 2 is \[2\]: "),
    "no JSON": ('{"x": 1}\n\n{"x": }\n', r"row 2: Expecting value"),
    "half a line": ('{"x": 1}\n{"x": ', r"row 2: Expecting value"),
    "a number": ('{"x": 1}\n2\n', r"row 2 is '2'"),
    "a name given twice": ('{"x": 1, "x": 2}\n', r"row 1: a name is given twice among x, x"),
    "Windows bytes": ('{"x": "caf\xe9"}\n'.encode("cp1252"), r"row 1: .*utf-8.* byte 0xe9"),
    "nothing": ("", r"no rows, so its columns are unknown"),
    "deep nesting": ('{"x": ' + "[" * 100_000 + "\n", r"row 1: "),
    "another name": (lines({"y": 1}), r"no column x; its columns are: y"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_lines_that_are_refused(tmp_path: Path, case: str) -> None:
    text, message = REFUSED[case]
    with pytest.raises(IngestError, match=rf"items\.jsonl: {message}"):
        read(tmp_path / "items.jsonl", ["x"], text)


def test_writers_leave_out_what_is_null(tmp_path: Path) -> None:
    folder = tmp_path / "items"
    folder.mkdir()
    for number, text in enumerate([lines({"item_id": 1}), lines({"item_id": 2, "x": 5}), ""]):
        (folder / f"part-{number}.json").write_text(text)
    delivery = open_delivery(folder)
    assert delivery.type_of("x") == "int64"
    assert [rows.table.to_pylist() for rows in delivery.batches(["item_id", "x"])] == [
        [{"item_id": 1, "x": None}], [{"item_id": 2, "x": 5}],
    ]  # fmt: skip
    with pytest.raises(IngestError, match=r"part-0\.json: no column y; its columns are: item_id, x"):
        list(delivery.batches(["y"]))
