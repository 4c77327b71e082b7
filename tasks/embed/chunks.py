"""The chunks of one layer of a day's embeddings: computed, or copied from an earlier day."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from pinsage.model.layerwise import Layerwise, Workspace
from pinsage.store import Version, Writer
from tasks.embed.reuse import find_reuse
from tasks.embed.sources import EmbeddingSources


@dataclass(frozen=True)
class Embedded:
    """What one call did for a layer.

    Attributes:
        layer: The layer.
        rows: Rows written.
        computed: Rows of them that were computed; the others were copied.
        compute_seconds: Spent on computing them, without reading and writing.
    """

    layer: int
    rows: int = 0
    computed: int = 0
    compute_seconds: float = 0.0


def write_chunks(
    out: Writer,
    sources: EmbeddingSources,
    inference: Layerwise,
    layer: int,
    below: Version | None,
    within: range | None = None,
) -> Embedded:
    """Write what is missing of a layer.

    Args:
        out: Writer of the layer, not committed.
        sources: What the embeddings are made from.
        inference: The model.
        layer: 0 to K.
        below: The layer below; None for layer 0.
        within: Only chunks that start in these rows; all when None.
    """
    missing = missing_chunks(out, sources, layer, within)
    if not missing:
        return Embedded(layer)
    reuse = find_reuse(sources, inference, layer, below)
    workspace = inference.workspace(layer, max(len(rows) for rows in missing))
    num_rows = num_computed = 0
    seconds = 0.0
    for rows in missing:
        version, name = sources.own(layer, below)
        given = {"h": version.parts(name).rows(rows.start, rows.stop)}
        if layer:
            given["neighbors"], given["importances"] = sources.neighborhoods(rows)
        if layer == sources.num_layers:
            given["log_degrees"] = sources.log_degrees(rows)
            given["features"] = sources.features.parts("features").rows(rows.start, rows.stop)
        places = np.arange(len(rows))
        if reuse is not None:
            places = np.flatnonzero(reuse.needed(rows, given.get("neighbors")))
            given = {name: array[places] for name, array in given.items()}
        started = time.monotonic()
        made = _compute(inference, layer, below, workspace.rows(len(places)), **given)
        seconds += time.monotonic() - started
        num_rows, num_computed = num_rows + len(rows), num_computed + len(given["h"])
        for name, array in zip(sources.names(layer), made, strict=True):
            if reuse is not None:
                array = _merged(reuse.rows(name, rows), array, places, len(rows))
            out.write_array(name, array, rows=rows)
    return Embedded(layer, num_rows, num_computed, round(seconds, 3))


def missing_chunks(out: Writer, sources: EmbeddingSources, layer: int, within: range | None = None) -> list[range]:
    """Row ranges of a layer's chunks that are not written yet."""
    return list(
        out.missing_rows(
            sources.names(layer),
            num_rows=sources.num_items,
            chunk_rows=sources.session.config.resources.chunk_rows,
            within=within,
        )
    )


def measurements(done: Iterable[Embedded]) -> dict[str, Any]:
    """Over all layers: the share of rows that were computed, and the seconds that computing the others would take."""
    done = [each for each in done if each.rows]
    rows, computed = sum(each.rows for each in done), sum(each.computed for each in done)
    if not rows:
        return {}
    seconds = sum(each.compute_seconds for each in done)
    saved = seconds / computed * (rows - computed) if computed else None
    return {
        "share_computed": round(computed / rows, 6),
        "compute_seconds": round(seconds, 3),
        "compute_seconds_saved": None if saved is None else round(saved, 3),
    }


def _compute(
    inference: Layerwise, layer: int, below: Version | None, workspace: Workspace, **given: np.ndarray
) -> tuple[np.ndarray, ...]:
    if below is None:
        return (inference.project(given["h"], workspace),)
    projected = below.parts("projected")
    if layer < inference.num_layers:
        return inference.convolve(layer, projected=projected, workspace=workspace, **given)
    return (inference.embed(projected=projected, workspace=workspace, **given),)


def _merged(kept: np.ndarray, computed: np.ndarray, places: np.ndarray, num_rows: int) -> np.ndarray:
    """The earlier day's rows, with the computed ones in their places."""
    merged = np.empty((num_rows, *computed.shape[1:]), computed.dtype)
    merged[: len(kept)] = kept
    merged[places] = computed
    return merged
