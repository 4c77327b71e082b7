"""The stage that embeds every item of a day, layer by layer: each latent vector is computed once (section 3.4).

A layer is a version of its own, whose chunks of item rows are computed and committed apart: by `embed_items` alone, or
by several processes that call `embed_rows` for their rows, layer after layer. Rows that an earlier day holds already
are copied from it (`tasks.embed.reuse`).
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

from safetensors.torch import load_file

from pinsage.model.device import choose_device
from pinsage.model.layerwise import Layerwise
from pinsage.model.pinsage import PinSage
from pinsage.store import Version
from tasks.embed.chunks import Embedded, measurements, missing_chunks, write_chunks
from tasks.embed.sources import EmbeddingSources
from tasks.runtime.committing import log_version
from tasks.runtime.session import Session
from tasks.runtime.stages import EMBED_ITEMS

MAX_GROUPS = 64


def plan_embedding(sources: EmbeddingSources) -> list[tuple[int, int]]:
    """Divide the rows of the items among at most 64 callers of `embed_rows`.

    Returns:
        First row (inclusive) and last row (exclusive) of each group: whole chunks, the same for every layer.
    """
    num_rows = max(sources.num_items, 1)
    chunk_rows = sources.session.config.resources.chunk_rows
    size = -(-num_rows // (MAX_GROUPS * chunk_rows)) * chunk_rows
    return [(start, min(start + size, num_rows)) for start in range(0, num_rows, size)]


def embed_rows(sources: EmbeddingSources, layer: int, rows: tuple[int, int]) -> Embedded:
    """Write the missing chunks of one layer for some rows; all chunks of the layer below must be written.

    Args:
        sources: What the day is embedded from; its session gives ``embedding``, and of ``resources`` the rows per
            chunk, threads and device.
        layer: 0 projects the features, 1 to K are the model's convolutions; above K there is nothing to do.
        rows: A group of `plan_embedding`.
    """
    if layer > sources.num_layers:
        return Embedded(layer)
    inference = open_inference(sources.session, sources.input("model"))
    below = None
    if layer:
        with sources.writer(layer - 1) as lower:  # whoever comes first commits the layer below
            if not lower.is_committed and (missing := missing_chunks(lower, sources, layer - 1)):
                raise ValueError(
                    f"{lower.uri}: layer {layer - 1} lacks {len(missing)} chunks, the first of rows "
                    f"{missing[0].start} to {missing[0].stop}; embed all rows of a layer before the next one"
                )
        below = lower.version
    out = sources.writer(layer)
    return Embedded(layer) if out.is_committed else write_chunks(out, sources, inference, layer, below, range(*rows))


def embed_items(sources: EmbeddingSources, embedded: Iterable[dict[str, Any]] = ()) -> Version:
    """Embed the items of a day with a model: what is missing of any layer, and the commits.

    Args:
        sources: As for `embed_rows`.
        embedded: What other processes did with `embed_rows`, for the record.

    Returns:
        The committed version of ``embeddings``: array ``embeddings`` float32 [num_items, width] in the graph's row
        order; facts ``metric``, ``popularity_dim`` (the last column is the item's popularity term), ``width``;
        measurements ``share_computed`` of the rows of all layers, ``compute_seconds_saved`` by copying the others.
    """
    out = sources.writer(sources.num_layers)
    if out.is_committed:
        log_version(EMBED_ITEMS, out.version, new=False)
        return out.version
    inference = open_inference(sources.session, sources.input("model"))
    done = [Embedded(**chunk) for chunk in embedded]
    below = None
    for layer in range(sources.num_layers):
        with sources.writer(layer) as lower:
            if not lower.is_committed:
                done.append(write_chunks(lower, sources, inference, layer, below))
        below = lower.version
    with out:
        done.append(write_chunks(out, sources, inference, sources.num_layers, below))
        out.facts.update(
            num_items=sources.num_items,
            width=inference.model.embedding_width,
            metric=inference.model.metric,
            popularity_dim=inference.model.config.popularity,
        )
        out.measurements.update(measurements(done))
    log_version(EMBED_ITEMS, out.version, new=True)
    return out.version


def open_model(model: Version) -> PinSage:
    """Rebuild the network of a ``model`` version, in evaluation mode."""
    return PinSage.from_state(model.json("architecture"), load_file(model.path("weights")))


def open_inference(session: Session, model: Version) -> Layerwise:
    """The network of a ``model`` version, on the device and with the threads that ``resources`` gives."""
    resources = session.config.resources
    device = choose_device(resources.device)
    return Layerwise(
        model=open_model(model).to(device),
        threads=resources.threads or os.cpu_count() or 1,
        device=device,
        intermediate=session.config.embedding.intermediate,
    )
