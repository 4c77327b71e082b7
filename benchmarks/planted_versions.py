"""Small published versions with known answers, made without training: communities of items that are saved together.

Every stage that a reader follows from an index is there and real (features and their encoder, graph, neighborhoods, a
model, embeddings, Annoy shards); only the model's weights are random and the walks are replaced by one member's word.
Every title and category begins with the version's tag, so that an answer that mixes two versions gives itself away.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import torch
from safetensors.torch import save_file

from pinsage.features.assemble import FeatureEncoder
from pinsage.features.config import FeatureConfig
from pinsage.graph.bipartite import build_graph
from pinsage.model.config import ModelConfig
from pinsage.model.layerwise import Layerwise
from pinsage.model.pinsage import PinSage
from pinsage.store import Store, Version
from tasks.prepare.featurize_items import item_labels
from tasks.publish.build_index import build_index
from tasks.runtime.session import Session

COMMUNITIES = 10
VECTOR_WIDTH = 16
NUM_NEIGHBORS = 5
PICTURE = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAA"
    "DUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
BROKEN_PICTURE = "data:image/png;base64,AAAA"
SETTINGS = {
    "index.num_trees": 8,
    "index.num_queries": 20,
    "index.recall_target": 0.5,
    "index.recall_k": 5,
    "index.head_items": 20,
}


def plant_version(
    root: str | Path, tag: str, num_items: int = 300, seed: int = 0, day: str = "2026-03-01", several: bool = False
) -> Version:
    """Commit an index whose item ``i`` belongs to community ``i % 10``; it is not published yet.

    Args:
        root: Store root.
        tag: First word of every title and category.
        num_items: Items, with ids ``item-0``, ``item-1``, ...
        seed: Of vectors, saves and weights.
        day: The partition.
        several: Whether items have a second category, one of two halves of the catalogue; item 0 then has none.
    """
    session = Session.open(str(root), SETTINGS)
    store, rng = session.store, np.random.default_rng(seed)
    items = _items(tag, num_items, rng)
    if several:
        cells = [
            f"{cell} | {tag} half {item % 2}" for item, cell in enumerate(items["categorical.category"].to_pylist())
        ]
        place = items.column_names.index("categorical.category")
        items = items.set_column(place, "categorical.category", pa.array([None, *cells[1:]]))
    boards = rng.integers(0, num_items, 6 * num_items)
    saved = rng.integers(0, num_items // COMMUNITIES, len(boards)) * COMMUNITIES + boards % COMMUNITIES
    csr = build_graph(saved, boards, num_items, num_items)
    config = FeatureConfig(text="always", text_width=16)
    encoder = FeatureEncoder.fit(items, csr.item_degrees(), config)
    encoded, _ = encoder.encode(items, csr.item_degrees())

    graph = _commit(
        store, "graph", day, tag, [],
        arrays={name: getattr(csr, name) for name in ("item_offsets", "item_boards", "board_offsets", "board_items")},
    )  # fmt: skip
    delivered = _commit(store, "validated/items", day, tag, [], tables={"items": _with_facts(items, num_items)})
    catalog = _commit(
        store, "catalog", day, tag, [delivered], documents={"partitions": {"items": [delivered.uri], "saves": []}}
    )
    document, encoder_arrays = encoder.state()
    features = _commit(
        store, "features", day, tag, [catalog, graph],
        arrays={"features": encoded, **encoder_arrays},
        documents={"encoder": document, "columns": [vars(block) for block in encoder.blocks]},
        tables={"item_labels": item_labels(items, config)},
    )  # fmt: skip
    members = rng.integers(0, num_items // COMMUNITIES, (num_items, NUM_NEIGHBORS)) * COMMUNITIES
    neighbors = (members + np.arange(num_items)[:, None] % COMMUNITIES).astype(np.int32)
    importances = np.tile(np.float32([0.4, 0.3, 0.15, 0.1, 0.05]), (num_items, 1))
    neighborhoods = _commit(
        store, "neighborhoods", day, tag, [graph], arrays={"neighbors": neighbors, "importances": importances}
    )
    torch.manual_seed(seed)
    network = PinSage(encoded.shape[1], ModelConfig(hidden_width=32, width=16)).eval()
    model = _commit(
        store, "model", day, tag, [features],
        documents={"architecture": network.architecture(), "history": {"steps": [], "tune": []}},
        weights=network.state_dict(),
    )  # fmt: skip
    log_degrees = np.log1p(csr.item_degrees()).astype(np.float32)
    vectors = Layerwise(network).embed_all(encoded, neighbors, importances, log_degrees)
    embeddings = _commit(
        store, "embeddings", day, tag, [model, graph, features, neighborhoods],
        arrays={"embeddings": vectors},
        facts={"metric": network.metric, "popularity_dim": network.config.popularity, "width": vectors.shape[1]},
    )  # fmt: skip
    return build_index(session, embeddings)


def _items(tag: str, num_items: int, rng: np.random.Generator) -> pa.Table:
    every = np.arange(num_items)
    centers = rng.normal(size=(COMMUNITIES, VECTOR_WIDTH))
    vectors = centers[every % COMMUNITIES] + 0.3 * rng.normal(size=(num_items, VECTOR_WIDTH))
    return pa.table(
        {
            "item_id": pa.array([f"item-{item}" for item in every]),
            "title": pa.array([f"{tag} word{item % COMMUNITIES} thing {item}" for item in every]),
            "image_url": pa.array([(PICTURE, BROKEN_PICTURE, None)[item % 3] for item in every]),
            "categorical.category": pa.array([f"{tag} kind {item % COMMUNITIES}" for item in every]),
            "vector.look": pa.FixedSizeListArray.from_arrays(
                pa.array(vectors.astype(np.float32).reshape(-1)), VECTOR_WIDTH
            ),
        }
    )


def _with_facts(items: pa.Table, num_items: int) -> pa.Table:
    """The items with columns that only people read: every other one has a brand, every one a price."""
    brands = pa.array([f"brand {item % 7}" if item % 2 else None for item in range(num_items)])
    prices = pa.array([item + 0.5 for item in range(num_items)])
    return items.append_column("categorical.brand", brands).append_column("numeric.price", prices)


def _commit(
    store: Store,
    dataset: str,
    day: str,
    tag: str,
    inputs: list[Version],
    *,
    arrays: dict[str, np.ndarray] | None = None,
    documents: dict | None = None,
    tables: dict[str, pa.Table] | None = None,
    weights: dict[str, torch.Tensor] | None = None,
    facts: dict | None = None,
) -> Version:
    with store.write(dataset, partition=day, inputs=inputs, config={"tag": tag}, code_version=0) as out:
        if not out.is_committed:
            for name, array in (arrays or {}).items():
                out.write_array(name, array)
            for name, document in (documents or {}).items():
                out.write_json(name, document)
            for name, table in (tables or {}).items():
                out.write_table(name, table)
            if weights is not None:
                with tempfile.TemporaryDirectory() as folder:
                    path = Path(folder) / "weights.safetensors"
                    save_file(weights, path)
                    out.write_file("weights", path, ".safetensors")
            out.facts.update(facts or {})
    return out.version
