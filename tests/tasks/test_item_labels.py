"""Which column labels the items, and how its values become categories, from the files on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pinsage.serving.categories import Categories
from pinsage.store import Version
from tasks.data.ingest import ingest
from tasks.data.ingestion.mapping import IngestMapping
from tasks.data.validate import validate_days
from tasks.prepare.build_catalog import build_catalog
from tasks.prepare.build_graph import build_graph
from tasks.prepare.featurize_items import UnknownLabelError, featurize_items
from tasks.runtime.session import Session

DAY, NEXT = "2026-03-01", "2026-03-02"
SETTINGS = {"features.graph_width": 0, "features.text_width": 4, "resources.workers": 1}
LISTS = pa.array([["rock", "jazz"], ["jazz"], None, ["pop", "rock", "pop"]])
TEXTS = pa.array(["rock | jazz", "jazz", None, "pop|rock|pop"])
COLUMNS = {"genre": LISTS, "artist": pa.array(["a", "b", "c", "d"]), "format": pa.array(["LP", "CD", "LP", "CD"])}


def features(folder: Path, columns: dict[str, Any], order: tuple[str, ...], day: str = DAY, **settings: Any) -> Version:
    folder.mkdir(exist_ok=True)
    session = Session.open(str(folder / "store"), SETTINGS | settings)
    items, saves = folder / "items.parquet", folder / "saves.parquet"
    pq.write_table(pa.table({"item_id": [1, 2, 3, 4], "title": ["w", "x", "y", "z"], **columns}), items)
    pq.write_table(pa.table({"board_id": [1, 1, 2, 2], "item_id": [1, 2, 3, 4]}), saves)
    ingest(session, items=items, saves=saves, mapping=IngestMapping(categorical=order), day=day)
    validate_days(session, [day])
    catalog = build_catalog(session, day)
    return featurize_items(session, catalog, build_graph(session, catalog))


def labels(version: Version) -> pa.Array:
    return version.table("item_labels").column("category").combine_chunks()


@pytest.mark.parametrize("genre", [LISTS, TEXTS], ids=["lists", "separated text"])
def test_several_values_label_as_several(tmp_path: Path, genre: pa.Array) -> None:
    found = Categories.of_labels(labels(features(tmp_path, COLUMNS | {"genre": genre}, ("genre",))))
    assert [found.of(row) for row in range(4)] == [("rock", "jazz"), ("jazz",), (), ("pop", "rock")]


def test_another_separator_and_none(tmp_path: Path) -> None:
    columns = {"genre": pa.array(["a,b|c", "b", "c", "d"])}
    by_comma = features(tmp_path, columns, ("genre",), **{"features.categorical_separator": ","})
    assert labels(by_comma).to_pylist()[0] == ["a", "b|c"]
    whole = features(tmp_path, columns, ("genre",), **{"features.categorical_separator": ""})
    assert labels(whole).to_pylist() == ["a,b|c", "b", "c", "d"], "texts where no item has several"


@pytest.mark.parametrize("order", [("genre", "artist", "format"), ("format", "genre", "artist")])
def test_the_first_column_that_was_given_labels(tmp_path: Path, order: tuple[str, ...]) -> None:
    columns = {name: COLUMNS[name] for name in ("artist", "format", "genre")}
    version = features(tmp_path, columns, order)
    values = [Categories.of_labels(labels(version)).of(row) for row in range(4)]
    expected = {"genre": ("rock", "jazz"), "format": ("LP",)}[order[0]]
    assert values[0] == expected
    again = features(tmp_path, columns, ("artist", "genre", "format"), NEXT)
    assert labels(again).to_pylist() == ["a", "b", "c", "d"], "the newest delivery decides"


def test_a_column_named_category_has_no_precedence(tmp_path: Path) -> None:
    columns = {"category": COLUMNS["format"], "artist": COLUMNS["artist"]}
    assert labels(features(tmp_path, columns, ("artist", "category"))).to_pylist() == ["a", "b", "c", "d"]
    stated = features(tmp_path, columns, ("artist", "category"), **{"features.label_category": "category"})
    assert labels(stated).to_pylist() == ["LP", "CD", "LP", "CD"]


def test_a_column_that_is_named_labels_and_an_unknown_one_is_told(tmp_path: Path) -> None:
    order = ("genre", "artist", "format")
    version = features(tmp_path, COLUMNS, order, **{"features.label_category": "format"})
    assert labels(version).to_pylist() == ["LP", "CD", "LP", "CD"]
    with pytest.raises(UnknownLabelError, match=r"got 'gender', expected one of .*: genre, artist, format; leave"):
        features(tmp_path, COLUMNS, order, **{"features.label_category": "gender"})
    with pytest.raises(UnknownLabelError, match="there are none"):
        features(tmp_path / "without", {}, (), **{"features.label_category": "genre"})
