"""Columns that people read beside an item, from the deliveries that a catalog names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa

from pinsage.serving.item_facts import ItemFacts
from pinsage.store import Store, Version


def commit(
    store: Store, dataset: str, inputs: list[Version], *, config: dict[str, Any] | None = None, **documents: Any
) -> Version:
    with store.write(
        dataset, partition="2026-03-01", inputs=inputs, config={**(config or {}), "names": sorted(documents)},
        code_version=1,
    ) as out:  # fmt: skip
        for name, document in documents.items():
            if isinstance(document, pa.Table):
                out.write_table(name, document)
            else:
                out.write_json(name, document)
    return out.version


def index_of(store: Store, *deliveries: pa.Table) -> Version:
    uris = [
        commit(store, "validated/items", [], config={"number": number}, items=table).uri
        for number, table in enumerate(deliveries)
    ]
    catalog = commit(store, "catalog", [], partitions={"items": uris})
    features = commit(store, "features", [catalog], config={"categorical_separator": "|"})
    return commit(store, "index", [features])


def test_the_newest_delivery_of_an_item_counts_and_columns_may_come_later(tmp_path: Path) -> None:
    store = Store.open(tmp_path)
    first = pa.table(
        {
            "item_id": [1, 2, 3],
            "categorical.genre": ["rock|jazz", "pop", None],
            "vector.look": pa.array([[1.0], [2.0], [3.0]]),
        }
    )
    second = pa.table({"item_id": [3, 1], "categorical.genre": ["folk", ""], "numeric.price": [2.5, float("nan")]})
    facts = ItemFacts.open(store, index_of(store, first, second), pa.chunked_array([[3, 9, 1, 2]]))
    assert facts.of(0) == {"genre": "folk", "price": 2.5}
    assert facts.of(1) == {}, "the catalog does not name it"
    assert facts.of(2) == {}, "the newest row says nothing of it"
    assert facts.of(3) == {"genre": "pop"}


def test_several_values_are_told_apart(tmp_path: Path) -> None:
    store = Store.open(tmp_path)
    items = pa.table({"item_id": ["a"], "categorical.genre": ["rock| jazz |"]})
    assert ItemFacts.open(store, index_of(store, items), pa.chunked_array([["a"]])).of(0) == {"genre": "rock, jazz"}


def test_a_version_without_a_catalog_has_no_facts(tmp_path: Path) -> None:
    store = Store.open(tmp_path)
    features = commit(store, "features", [])
    index = commit(store, "index", [features])
    assert ItemFacts.open(store, index, pa.chunked_array([["a"]])).of(0) == {}
