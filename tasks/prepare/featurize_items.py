"""The stage that turns item columns into feature vectors; the encoders are in `pinsage.features`."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import structlog

from pinsage.features.assemble import FeatureEncoder
from pinsage.features.categorical import split_values
from pinsage.features.config import FeatureConfig
from pinsage.features.graph_vectors import graph_vectors
from pinsage.graph.vocabulary import Vocabulary
from pinsage.store import Version, Writer
from schemas.columns import CATEGORICAL
from tasks.prepare.sample_neighborhoods import open_graph
from tasks.runtime.committing import commit_stage
from tasks.runtime.session import Session
from tasks.runtime.stages import FEATURIZE_ITEMS

log = structlog.get_logger()


class UnknownLabelError(LookupError):
    """The settings name a column that the items don't have."""


def featurize_items(session: Session, catalog: Version, graph: Version) -> Version:
    """Fit the feature encoder as of the catalog's day and encode every item of the graph.

    Args:
        session: Store and configuration (``features``; of ``resources`` the rows per chunk).
        catalog: Where the items' partitions are.
        graph: Row order and degrees.

    Returns:
        The committed version of ``features``: array ``features`` float32 [num_items, width] in the graph's row order,
        ``has_content`` bool, json ``columns`` and ``encoder`` with the arrays ``text_*``, table ``item_labels``.

    Raises:
        UnknownLabelError: ``features.label_category`` names no categorical column.
    """
    config = session.config.features

    def write(out: Writer) -> None:
        items = items_in_row_order(session, catalog, graph)
        labels = item_labels(items, config)
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
        out.write_table("item_labels", labels)
        out.facts.update(num_items=len(degrees), width=encoder.width)

    return commit_stage(session, FEATURIZE_ITEMS, graph.partition, [catalog, graph], write)


def items_in_row_order(session: Session, catalog: Version, graph: Version) -> pa.Table:
    """The newest row of every item up to the catalog's day, in the graph's row order.

    Columns come in the order of the newest delivery, those that it lacks behind.
    """
    tables = [session.store.version(uri).table("items") for uri in catalog.json("partitions")["items"]]
    order = dict.fromkeys(name for table in reversed(tables) for name in table.column_names)
    items = pa.concat_tables(tables, promote_options="permissive").select(list(order))
    vocabulary = Vocabulary(graph.table("item_ids").column("item_id").combine_chunks())
    newest = np.full(len(vocabulary), -1, dtype=np.int64)
    newest[vocabulary.rows(items.column("item_id"))] = np.arange(items.num_rows)  # the later assignment wins
    return items.take(pa.array(newest))


def item_labels(items: pa.Table, config: FeatureConfig) -> pa.Table:
    """What people read of each item: item_id, title, category, image_url; null where the data has none.

    ``category`` holds lists where some item has several values, else the cells as they are.

    Raises:
        UnknownLabelError: ``label_category`` names no categorical column.
    """

    def text(column: str | None) -> pa.ChunkedArray:
        if column is None or column not in items.column_names:
            return pa.chunked_array([pa.nulls(items.num_rows, pa.string())])
        return items.column(column).cast(pa.string())

    return pa.table(
        {
            "item_id": items.column("item_id"),
            "title": text("title"),
            "category": _listed(text(_label_column(items, config.label_category)), config.categorical_separator),
            "image_url": text("image_url"),
        }
    )


def _label_column(items: pa.Table, wanted: str | None) -> str | None:
    """The column that is asked for, otherwise the first that was given when the newest items were ingested."""
    columns = [name for name in items.column_names if name.startswith(CATEGORICAL)]
    if wanted and CATEGORICAL + wanted not in columns:
        names = ", ".join(name.removeprefix(CATEGORICAL) for name in columns)
        raise UnknownLabelError(
            f"features.label_category: got {wanted!r}, expected one of the categorical columns of the items: "
            f"{names or 'there are none'}; leave it empty to take the first"
        )
    return CATEGORICAL + wanted if wanted else next(iter(columns), None)


def _listed(cells: pa.ChunkedArray, separator: str | None) -> pa.ChunkedArray:
    encoded = cells.combine_chunks().dictionary_encode()
    values = [list(dict.fromkeys(split_values(cell, separator or ""))) for cell in encoded.dictionary.to_pylist()]
    if all(len(several) < 2 for several in values):
        return cells
    return pa.chunked_array([pa.array(values, pa.list_(pa.string())).take(encoded.indices)])
