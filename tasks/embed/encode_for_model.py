"""The stage that encodes a day's items as a model understands them: in the basis that it was trained on."""

from __future__ import annotations

import numpy as np

from pinsage.features.assemble import FeatureEncoder
from pinsage.features.graph_vectors import fold_in
from pinsage.graph.vocabulary import Vocabulary
from pinsage.store import Version, Writer
from tasks.prepare.featurize_items import items_in_row_order
from tasks.prepare.prepared import Prepared
from tasks.prepare.sample_neighborhoods import open_graph
from tasks.runtime.committing import commit_stage
from tasks.runtime.session import Session
from tasks.runtime.stages import ENCODE_FOR_MODEL


def encode_for_model(session: Session, prepared: Prepared, model: Version) -> Version:
    """Encode the items of a day with the encoder that the model's own features were made with.

    Args:
        session: Store and configuration (of ``resources`` the rows per chunk).
        prepared: The day's catalog and graph.
        model: Its ``features`` are the basis.

    Returns:
        The model's features themselves where they were made of this catalog and graph; otherwise the committed version
        of ``model_features``: array ``features`` float32 [num_items, width of the model's features].
    """
    catalog, graph, fitted = prepared.catalog, prepared.graph, session.store.input_of(model, "features")
    made_of = {used.content_digest for used in fitted.inputs}
    if {catalog.content_digest, graph.content_digest} <= made_of:
        return fitted

    def write(out: Writer) -> None:
        arrays = {name: fitted.array(name) for name in fitted.names() if name.startswith("text_")}
        encoder = FeatureEncoder.from_state(fitted.json("encoder"), arrays)
        items, degrees = items_in_row_order(session, catalog, graph), open_graph(graph).item_degrees()
        placed = placed_in_basis(session, graph, fitted)
        for rows in out.missing_rows(
            ["features"], num_rows=len(degrees), chunk_rows=session.config.resources.chunk_rows
        ):
            chunk = slice(rows.start, rows.stop)
            features, _ = encoder.encode(items.slice(rows.start, len(rows)), degrees[chunk], placed[chunk])
            out.write_array("features", features, rows=rows)

    return commit_stage(session, ENCODE_FOR_MODEL, graph.partition, [catalog, graph, fitted], write)


def placed_in_basis(session: Session, graph: Version, fitted: Version) -> np.ndarray:
    """Graph vectors of a graph's items in the basis of ``fitted``: its items keep theirs, new ones are folded in."""
    start, stop = next(
        ((block["start"], block["stop"]) for block in fitted.json("columns") if block["kind"] == "graph"), (0, 0)
    )
    vectors = np.asarray(fitted.array("features")[:, start:stop])
    vocabulary = Vocabulary(
        session.store.input_of(fitted, "graph").table("item_ids").column("item_id").combine_chunks()
    )
    rows = vocabulary.rows(graph.table("item_ids").column("item_id"))
    return fold_in(open_graph(graph), vectors[np.maximum(rows, 0)], rows >= 0)
