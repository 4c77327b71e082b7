"""The stage that turns item columns into feature vectors; the encoders are in `pinsage.features`."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import structlog

from pinsage.features.assemble import FeatureEncoder
from pinsage.features.graph_vectors import fold_in, graph_vectors
from pinsage.graph.vocabulary import Vocabulary
from pinsage.store import Version
from tasks.sample_neighborhoods import open_graph
from tasks.session import Session

CODE_VERSION = 3

log = structlog.get_logger()


def featurize_items(session: Session, catalog: Version, graph: Version) -> Version:
    """Fit the feature encoder as of the catalog's day and encode every item of the graph.

    Args:
        session: Store and configuration (``features``; of ``resources`` the rows per chunk).
        catalog: Where the items' partitions are.
        graph: Row order and degrees.

    Returns:
        The committed version of ``features``: array ``features`` float32 [num_items, width] in the graph's row order,
        ``has_content`` bool, json ``columns`` and ``encoder`` with the arrays ``text_*``, table ``item_labels``.
    """
    config = session.config.features
    with session.store.write(
        "features", partition=graph.partition, inputs=[catalog, graph], config=config, code_version=CODE_VERSION
    ) as out:
        if out.is_committed:
            return out.version
        items = items_in_row_order(session, catalog, graph)
        saves = open_graph(graph)
        degrees = saves.item_degrees()
        encoder = FeatureEncoder.fit(items, degrees, config)
        placed = graph_vectors(saves, config.graph_width, seed=config.seed)
        document, arrays = encoder.state()
        out.write_json("encoder", document)
        for name, array in arrays.items():
            out.write_array(name, array)
        for rows in out.missing_rows(
            ["features", "has_content"], num_rows=len(degrees), chunk_rows=session.config.resources.chunk_rows
        ):
            held = slice(rows.start, rows.stop)
            features, has_content = encoder.encode(items.slice(rows.start, len(rows)), degrees[held], placed[held])
            out.write_array("features", features, rows=rows)
            out.write_array("has_content", has_content, rows=rows)
        out.write_json("columns", [vars(block) for block in encoder.blocks])
        out.write_table("item_labels", item_labels(items, config.label_category))
        out.facts.update(num_items=len(degrees), width=encoder.width)
    log.info("featurize_items", version=out.version.uri, **out.version.facts, **out.version.measurements)
    return out.version


def encode_with(session: Session, catalog: Version, graph: Version, fitted: Version) -> Version:
    """Encode the items of a graph with the encoder of other features: a model understands only its own basis.

    Args:
        session: Store and configuration.
        catalog: Where the items' partitions are.
        graph: Row order and degrees.
        fitted: The ``features`` that the model was trained on.

    Returns:
        ``fitted`` itself for the catalog and the graph that it was made of, else the committed version of
        ``model_features``: array ``features`` float32 [num_items, width of ``fitted``].
    """
    made_of = {used.content_digest for used in fitted.inputs}
    if {catalog.content_digest, graph.content_digest} <= made_of:
        return fitted
    with session.store.write(
        "model_features",
        partition=graph.partition,
        inputs=[catalog, graph, fitted],
        config={},
        code_version=CODE_VERSION,
    ) as out:
        if out.is_committed:
            return out.version
        arrays = {name: fitted.array(name) for name in fitted.names() if name.startswith("text_")}
        encoder = FeatureEncoder.from_state(fitted.json("encoder"), arrays)
        items, degrees = items_in_row_order(session, catalog, graph), open_graph(graph).item_degrees()
        placed = placed_in_basis(session, graph, fitted)
        for rows in out.missing_rows(
            ["features"], num_rows=len(degrees), chunk_rows=session.config.resources.chunk_rows
        ):
            held = slice(rows.start, rows.stop)
            made, _ = encoder.encode(items.slice(rows.start, len(rows)), degrees[held], placed[held])
            out.write_array("features", made, rows=rows)
    return out.version


def placed_in_basis(session: Session, graph: Version, fitted: Version) -> np.ndarray:
    """Graph vectors of a graph's items in the basis of ``fitted``: its items keep theirs, new ones are folded in."""
    start, stop = next(
        ((block["start"], block["stop"]) for block in fitted.json("columns") if block["kind"] == "graph"), (0, 0)
    )
    vectors = np.asarray(fitted.array("features")[:, start:stop])
    known = Vocabulary(session.store.input_of(fitted, "graph").table("item_ids").column("item_id").combine_chunks())
    rows = known.rows(graph.table("item_ids").column("item_id"))
    return fold_in(open_graph(graph), vectors[np.maximum(rows, 0)], rows >= 0)


def items_in_row_order(session: Session, catalog: Version, graph: Version) -> pa.Table:
    """The newest row of every item up to the catalog's day, in the graph's row order."""
    tables = [session.store.version(uri).table("items") for uri in catalog.json("partitions")["items"]]
    items = pa.concat_tables(tables, promote_options="permissive")
    vocabulary = Vocabulary(graph.table("item_ids").column("item_id").combine_chunks())
    newest = np.full(len(vocabulary), -1, dtype=np.int64)
    newest[vocabulary.rows(items.column("item_id"))] = np.arange(items.num_rows)  # the later assignment wins
    return items.take(pa.array(newest))


def item_labels(items: pa.Table, label_category: str) -> pa.Table:
    """What people read of each item: item_id, title, category, image_url; null where the data has none."""
    categories = sorted(name for name in items.column_names if name.startswith("categorical."))
    preferred = f"categorical.{label_category or 'category'}"
    category = preferred if preferred in categories else next(iter(categories), None)

    def text(column: str | None) -> pa.ChunkedArray:
        if column is None or column not in items.column_names:
            return pa.chunked_array([pa.nulls(items.num_rows, pa.string())])
        return items.column(column).cast(pa.string())

    return pa.table(
        {
            "item_id": items.column("item_id"),
            "title": text("title"),
            "category": text(category),
            "image_url": text("image_url"),
        }
    )
