"""The stage that embeds every item of a day, layer by layer: each latent vector is computed once (section 3.4)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import structlog
from safetensors.torch import load_file

from pinsage.model.convolve import PinSageConv
from pinsage.model.layerwise import convolve, embed, project, top_neighbors
from pinsage.model.pinsage import PinSage
from pinsage.store import Version
from tasks.featurize_items import encode_with
from tasks.prepared import Prepared
from tasks.sample_neighborhoods import open_graph
from tasks.session import Session

CODE_VERSION = 1
LAYERS = "embedding_layers"

log = structlog.get_logger()


def embed_items(session: Session, prepared: Prepared, model: Version) -> Version:
    """Embed the items of ``prepared.day`` with ``model``.

    Args:
        session: Store and configuration (of ``resources`` the rows per chunk).
        prepared: Graph, features and neighborhoods of the day.
        model: A trained model; items are encoded in the basis that it was trained on.

    Returns:
        The committed version of ``embeddings``: array ``embeddings`` float32 [num_items, width] in the graph's row
        order; facts ``metric``, ``popularity_dim`` (the last column is the item's popularity term), ``width``.
    """
    network = open_model(model)
    features = encode_with(session, prepared.catalog, prepared.graph, session.store.input_of(model, "features"))
    inputs = [model, prepared.graph, prepared.features, prepared.neighborhoods]
    if features.content_digest != prepared.features.content_digest:
        inputs.append(features)
    with session.store.write(
        "embeddings", partition=prepared.day, inputs=inputs, config={}, code_version=CODE_VERSION
    ) as out:
        if out.is_committed:
            return out.version
        h = features.array("features")
        neighbors, importances = top_neighbors(
            prepared.neighborhoods.array("neighbors"),
            prepared.neighborhoods.array("importances"),
            network.config.top_t,
        )
        for number, layer in enumerate(network.layers, start=1):
            h = _convolved(session, prepared, inputs, number, layer, h, neighbors, importances)
        log_degrees = np.log1p(open_graph(prepared.graph).item_degrees()).astype(np.float32)
        for rows in out.missing_rows(["embeddings"], num_rows=len(h), chunk_rows=session.config.resources.chunk_rows):
            held = slice(rows.start, rows.stop)
            out.write_array("embeddings", embed(network, h[held], log_degrees[held]), rows=rows)
        out.facts.update(
            num_items=len(h),
            width=network.embedding_width,
            metric=network.metric,
            popularity_dim=network.config.popularity,
        )
    log.info("embed_items", version=out.version.uri, **out.version.facts, **out.version.measurements)
    return out.version


def open_model(model: Version) -> PinSage:
    """Rebuild the network of a ``model`` version, in evaluation mode."""
    return PinSage.from_state(model.json("architecture"), load_file(model.path("weights")))


def _convolved(
    session: Session,
    prepared: Prepared,
    inputs: list[Version],
    number: int,
    layer: PinSageConv,
    h: np.ndarray,
    neighbors: np.ndarray,
    importances: np.ndarray,
) -> np.ndarray:
    """Layer ``number``: what every item tells its neighbors, then every item's new vector."""
    projected = _layer(session, prepared, inputs, f"{number}-projected", len(h), lambda rows: project(layer, h[rows]))
    return _layer(
        session,
        prepared,
        inputs,
        f"{number}-output",
        len(h),
        lambda rows: convolve(layer, h[rows], projected, neighbors[rows], importances[rows]),
    )


def _layer(
    session: Session,
    prepared: Prepared,
    inputs: list[Version],
    name: str,
    num_rows: int,
    compute: Callable[[slice], np.ndarray],
) -> Any:
    """Commit one intermediate array, chunk by chunk, and map it."""
    with session.store.write(
        LAYERS, partition=prepared.day, inputs=inputs, config={"layer": name}, code_version=CODE_VERSION
    ) as out:
        if not out.is_committed:
            for rows in out.missing_rows(["h"], num_rows=num_rows, chunk_rows=session.config.resources.chunk_rows):
                out.write_array("h", compute(slice(rows.start, rows.stop)), rows=rows)
    return out.version.array("h")
