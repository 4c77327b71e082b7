r"""CSV as programs write it: each file is read as its program meant it, or refused with a message that says why.

The rows of Spark, MySQL and PostgreSQL follow their writers: `df.write.option("header", True).csv`, `SELECT ... INTO
OUTFILE ... OPTIONALLY ENCLOSED BY '"'` with a header put before it, and `COPY ... TO ... (HEADER)`.
"""

from __future__ import annotations

import bz2
import csv
import gzip
import io
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

from tasks.data.ingest import ingest
from tasks.data.ingestion.columns import IngestError
from tasks.data.ingestion.csv_files import CsvOptions
from tasks.data.ingestion.files import open_delivery
from tasks.data.ingestion.mapping import IngestMapping
from tasks.runtime.session import Session

ODD = [
    'the "best" laptop',
    '15" laptop, black',
    "C:\\dir\\",
    "\\\\server\\share",
    "two\nlines",
    "tab\there",
    "plain",
    '"',
    "\\",
    '\\"',
    'ends with a quote "',
    "caf\u00e9 \U0001f9e6",
    "a,b;c|d",
    "NA",
    None,
]


def titles(path: Path, data: str | bytes, **options: Any) -> list[str | None]:
    """The titles of a file or folder of items, as they are read."""
    if not path.is_dir():
        path.write_bytes(data.encode() if isinstance(data, str) else data)
    delivery = open_delivery(path, CsvOptions(**options), ["item_id"])
    return [
        title for rows in delivery.batches(["item_id", "title"]) for title in rows.table.column("title").to_pylist()
    ]


def written(rows: list[str | None], **options: Any) -> str:
    """Items as Python's csv module writes them."""
    file = io.StringIO(newline="")
    writer = csv.writer(file, **options)
    writer.writerows([["item_id", "title", "brand"], *([number, title, "acer"] for number, title in enumerate(rows))])
    return file.getvalue()


SPARK = [
    ('1,"the \\"best\\" laptop",acer', 'the "best" laptop'),
    ('1,"15\\" laptop, black",acer', '15" laptop, black'),
    ('1,"laptop 15\\"",acer', 'laptop 15"'),
    ('1,"C:\\\\dir\\\\, and \\"x\\"",acer', 'C:\\dir\\, and "x"'),
    ('1,"two\nlines \\"x\\"",acer', 'two\nlines "x"'),
]


@pytest.mark.parametrize(("row", "title"), SPARK)
@pytest.mark.parametrize("chunk_bytes", [1, 2**20])
def test_spark(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, row: str, title: str, chunk_bytes: int) -> None:
    monkeypatch.setattr("tasks.data.ingestion.csv_files._CHUNK_BYTES", max(chunk_bytes, 64))
    rows = f'item_id,title,brand\n{row}\n2,C:\\dir\\file,\n3,"",asus\n4,,asus\n'
    assert titles(tmp_path / "items.csv", rows) == [title, "C:\\dir\\file", None, None]
    monkeypatch.setattr("tasks.data.ingestion.csv_files._CHUNK_BYTES", 2**20)
    assert titles(tmp_path / "items.csv", rows, dialect="spark") == [title, "C:\\dir\\file", None, None]


def test_parts_of_spark_have_one_dialect(tmp_path: Path) -> None:
    folder = tmp_path / "items"
    folder.mkdir()
    (folder / "part-00000.csv").write_text('item_id,title\n1,"a \\"b\\""\n')
    (folder / "part-00001.csv").write_text('item_id,title\n2,"C:\\\\dir, c"\n')
    (folder / "_SUCCESS").touch()
    assert titles(folder, "") == ['a "b"', "C:\\dir, c"]


def test_mysql(tmp_path: Path) -> None:
    rows = 'item_id,title\n1,"the \\"best\\" C:\\\\dir"\n2,\\N\n3,"two\\\nlines"\n4,"a, b\\\\"\n'
    assert titles(tmp_path / "items.csv", rows) == ['the "best" C:\\dir', None, "two\nlines", "a, b\\"]
    tabs = "item_id\ttitle\n1\tC:\\\\dir\n2\t\\N\n3\ttwo\\\nlines\\\ttab\n"
    assert titles(tmp_path / "items.tsv", tabs) == ["C:\\dir", None, "two\nlines\ttab"]


def test_copy_of_postgresql(tmp_path: Path) -> None:
    rows = 'item_id\ttitle\n1\t"best" 15" one\n2\t\\N\n3\ttwo\\nlines\\ttab\\\\\n4\tC:\\\\new\\\\table\n'
    assert titles(tmp_path / "items.tsv", rows) == ['"best" 15" one', None, "two\nlines\ttab\\", "C:\\new\\table"]
    quoted = 'item_id\ttitle\n1\t"best"\n2\t\\N\n'
    with pytest.raises(IngestError, match=r"items\.tsv: quotes can be read .*--csv-dialect excel.* or .*text"):
        titles(tmp_path / "items.tsv", quoted)
    assert titles(tmp_path / "items.tsv", quoted, dialect="text") == ['"best"', None]


def test_quotes_that_may_swallow_rows(tmp_path: Path) -> None:
    rows = 'item_id\ttitle\tbrand\n1\t"\tacer\n2\t"\tacer\n3\tb\tacer\n'
    with pytest.raises(IngestError, match=r"items\.tsv: 2 rows if quotes enclose .*excel.*, 3 rows if .*text"):
        titles(tmp_path / "items.tsv", rows)
    assert titles(tmp_path / "items.tsv", rows, dialect="text") == ['"', '"', "b"]
    assert titles(tmp_path / "items.tsv", 'item_id\ttitle\n1\t"two\nlines"\n2\t"a, b"\n') == ["two\nlines", "a, b"]


@pytest.mark.parametrize("quoting", [csv.QUOTE_MINIMAL, csv.QUOTE_ALL])
@pytest.mark.parametrize("delimiter", [",", "\t", ";", "|"])
def test_what_python_and_excel_write(tmp_path: Path, quoting: int, delimiter: str) -> None:
    for ends in ("\r\n", "\n"):
        text = written(ODD, quoting=quoting, delimiter=delimiter, lineterminator=ends)
        for bom in ("", "\ufeff"):
            assert titles(tmp_path / "items.csv", bom + text) == ODD


@pytest.mark.parametrize("doublequote", [True, False])
def test_what_pandas_writes(tmp_path: Path, doublequote: bool) -> None:
    frame = pd.DataFrame({"item_id": range(len(ODD)), "title": ODD})
    path = tmp_path / "items.csv"
    frame.to_csv(path, index=False, doublequote=doublequote, escapechar=None if doublequote else "\\", na_rep="\\N")
    assert titles(path, path.read_bytes()) == ODD
    frame.to_csv(path, doublequote=doublequote, escapechar=None if doublequote else "\\")
    assert titles(path, path.read_bytes()) == ODD  # with the index as a column without a name


def test_every_title_alone_is_read_right_or_refused(tmp_path: Path) -> None:
    options = [
        {"doublequote": True},
        {"doublequote": True, "quoting": csv.QUOTE_ALL},
        {"doublequote": False, "escapechar": "\\"},
        {"doublequote": False, "escapechar": "\\", "quoting": csv.QUOTE_ALL},
    ]
    num_read = 0
    for title in ODD:
        for number, dialect in enumerate(options):
            text = written([title, "plain", title], **dialect)
            try:
                found = titles(tmp_path / "items.csv", text)
            except IngestError:
                name = "excel" if dialect["doublequote"] else "mysql"
                found = titles(tmp_path / "items.csv", text, dialect=name)
            else:
                num_read += 1
            assert found == [title, "plain", title], (title, number)
    assert num_read > len(ODD) * 3


def test_windows_paths_are_kept(tmp_path: Path) -> None:
    rows = 'item_id,title,brand\n1,"C:\\dir\\",acer\n2,"C:\\new, x\\","b"\n3,"say ""x""\\",y\n'
    assert titles(tmp_path / "items.csv", rows) == ["C:\\dir\\", "C:\\new, x\\", 'say "x"\\']


AMBIGUOUS = {
    "pairs within quotes": 'item_id,title\n1,plain\n2,"a\\\\b, c"\n',
    "pairs outside quotes": "item_id,title\n1,plain\n2,a\\\\b\n",
}


@pytest.mark.parametrize("case", AMBIGUOUS)
def test_two_readings_are_refused_until_one_is_stated(tmp_path: Path, case: str) -> None:
    with pytest.raises(IngestError, match=r"items\.csv: row 2: backslashes can be read .*excel.* or .*mysql"):
        titles(tmp_path / "items.csv", AMBIGUOUS[case])
    comma = ", c" if "within" in case else ""
    assert titles(tmp_path / "items.csv", AMBIGUOUS[case], dialect="excel") == ["plain", f"a\\\\b{comma}"]
    assert titles(tmp_path / "items.csv", AMBIGUOUS[case], dialect="mysql") == ["plain", f"a\\b{comma}"]


REFUSED = {
    "quotes that are not escaped": ('item_id,title\n1,x\n2,"a "b" c"\n', {}, r"row 2: 'b' follows a closing quote"),
    "a quote that stays open": ('item_id,title\n1,"x\n2,y\n', {}, r"row 1: a quote is opened and never closed"),
    "both ways of quotes": ('item_id,title\n1,"a \\"b\\""\n2,"a ""b"""\n', {}, r"row 2: a quote is doubled.*backslash"),
    "a backslash before a letter": ('item_id,title\n1,"a \\d \\"b\\""\n', {}, r"row 1: 'd' stands where no"),
    "a long row": ("item_id,title\n1,a\n2,b,c\n", {}, r"row 2: Expected 2 columns, got 3"),
    "a short row": ("item_id,title\n1,a\n\n2\n", {}, r"row 2: Expected 2 columns, got 1"),
    "two columns of one name": ("item_id,title, title\n1,a,b\n", {}, r"multiple columns named title"),
    "two delimiters in the header": ("item,id;title,a\n1,2,3\n", {}, r"holds ',' and ';'; state .*--delimiter"),
    "a delimiter of its own": ("item_id:title\n1:a\n", {}, r"no column item_id.*'item_id:title': state .*--delimiter"),
    "another delimiter than stated": ("item_id,title\n1,a\n", {"delimiter": ";"}, r"no column item_id"),
    "another dialect than stated": ('item_id,title\n1,"a \\"b\\""\n', {"dialect": "excel"}, r"row 1: 'b' follows"),
    "an unknown escape": ("item_id,title\n1,a\\d\n", {"dialect": "text"}, r"row 1: a backslash before 'd'"),
    "Windows bytes": ("item_id,title\n1,a\n2,caf\xe9 x\n".encode("cp1252"), {}, r"row 2: byte 23 is 0xe9.*cp1252"),
    "Windows bytes at the end": ("item_id,title\n1,a\n2,caf\xe9".encode("cp1252"), {}, r"row 2: byte 23 is 0xe9"),
    "Windows bytes in the header": ("item_id,title,s\xe9\n1,a,b\n".encode("cp1252"), {}, r"header: byte 15 is 0xe9"),
    "UTF-16 without a mark": ("item_id\ttitle\n1\ta\n".encode("utf-16-le"), {}, r"NUL bytes; expected UTF-8"),
    "half a character of UTF-16": ("item_id\ttitle\n1\ta\n".encode("utf-16") + b"x", {}, r"can't be read as CSV"),
    "nothing": (b"", {}, r"empty; expected a header"),
    "a mark and nothing": (b"\xef\xbb\xbf", {}, r"empty; expected a header"),
    "blank lines": (b"\n\n", {}, r"empty; expected a header"),
    "a workbook": (b"PK\x03\x04abc", {}, r"Excel workbook"),
    "packed under a plain name": (gzip.compress(b"item_id,title\n1,a\n"), {}, r"packed with gzip: name it \.gz"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_text_that_is_refused(tmp_path: Path, case: str) -> None:
    data, options, message = REFUSED[case]
    with pytest.raises(IngestError, match=rf"items\.csv: .*{message}|items\.csv: {message}"):
        titles(tmp_path / "items.csv", data, **options)


def test_excel_saves_unicode_text_as_utf_16(tmp_path: Path) -> None:
    text = written(ODD, delimiter="\t", lineterminator="\r\n")
    for encoding in ("utf-16", "utf-16-be"):
        data = text.encode(encoding) if encoding == "utf-16" else b"\xfe\xff" + text.encode(encoding)
        assert titles(tmp_path / "items.txt", data) == ODD


def test_packed_files(tmp_path: Path) -> None:
    data = written(ODD).encode()
    packed = {"gz": gzip.compress(data[:99]) + gzip.compress(data[99:]), "bz2": bz2.compress(data)}
    packed["zst"] = pa.compress(data, "zstd", asbytes=True)
    for suffix, content in packed.items():
        assert titles(tmp_path / f"items.csv.{suffix}", content) == ODD
        with pytest.raises(IngestError, match=rf"items\.tsv\.{suffix}: can't be read as CSV"):
            titles(tmp_path / f"items.tsv.{suffix}", content[: len(content) // 2])


def test_headers_with_spaces_and_quotes(tmp_path: Path) -> None:
    for header in ('"item_id","title"', ' item_id , "title"', "item_id,title "):
        assert titles(tmp_path / "items.csv", f"{header}\r\n1,a\r\n") == ["a"]
    assert titles(tmp_path / "items.csv", "\r\nitem_id,title,\r\n1,a,\r\n") == ["a"]
    assert titles(tmp_path / "items.csv", "item_id,title\r1,a\r2,b\r") == ["a", "b"]
    assert titles(tmp_path / "items.csv", 'item_id,title,"note; or remark"\n1,a,b\n') == ["a"]
    assert titles(tmp_path / "items.csv", "item_id,title,note; or remark\n1,a,b\n") == ["a"]


def test_stated_nulls(tmp_path: Path) -> None:
    rows = "item_id,title\n1,NULL\n2,\\N\n3,\n4,NA\n"
    assert titles(tmp_path / "items.csv", rows) == ["NULL", None, None, "NA"]
    assert titles(tmp_path / "items.csv", rows, nulls=("NULL",)) == [None, None, None, "NA"]


@pytest.mark.parametrize("escape", ['""', '\\"'])
def test_cells_of_megabytes(tmp_path: Path, escape: str) -> None:
    long = "x" * 3_000_000 + '"' + "y\n" * 100_000
    quoted = long.replace('"', escape)
    rows = f'item_id,title\n1,"{quoted}"\n2,plain\n3,"{quoted}"\n'
    assert titles(tmp_path / "items.csv", rows) == [long, "plain", long]
    assert titles(tmp_path / "items.csv.gz", gzip.compress(rows.encode(), 1)) == [long, "plain", long]


def test_rows_have_their_places_in_every_file(tmp_path: Path) -> None:
    folder = tmp_path / "saves"
    folder.mkdir()
    (folder / "a.csv").write_text("board_id,item_id,saved_at\n1,1,2026-03-01T00:00:00Z\n")
    (folder / "b.csv").write_text("board_id,item_id,saved_at\n1,1,2026-03-01T00:00:00Z\n\n1,2,\n")
    session = Session.open(str(tmp_path / "store"))
    with pytest.raises(IngestError, match=r"saves .*b\.csv: column saved_at: row 2 has no time"):
        ingest(session, items=None, saves=folder)
    assert list(session.store.objects.walk("raw")) == []


def test_the_first_categories_stay_first(tmp_path: Path) -> None:
    (tmp_path / "items.csv").write_text("item_id,brand,aisle\n1,acer,7\n")
    session = Session.open(str(tmp_path / "store"))
    for names in (("brand", "aisle"), ("aisle", "brand")):
        mapping = IngestMapping(categorical=names)
        ingest(session, items=tmp_path / "items.csv", saves=None, mapping=mapping, day="2026-03-01")
        version = session.store.referenced("raw/items/2026-03-01")
        assert version is not None
        columns = version.table("items").column_names
        assert [name for name in columns if name.startswith("categorical.")] == [
            f"categorical.{name}" for name in names
        ]
