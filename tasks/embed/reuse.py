"""What an earlier day's embeddings by the same model already hold: rows whose surroundings have not changed.

A row of a layer is a function of its own vector and of its neighbors' projections in the layer below. So it is computed
anew only where its own vector, its neighborhood (for the last layer also its degree and features) or a neighbor's
projection differs from the earlier day's; every other row is copied, bit by bit the same. Layer after layer the changed
rows spread to whoever has them as neighbors, no further than the bytes change.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import structlog

from pinsage.model.layerwise import Layerwise
from pinsage.store import UnknownVersionError, Version
from pinsage.store.compare import changed_rows
from tasks.embed.sources import EmbeddingSources
from tasks.runtime.stages import EMBED_ITEMS

# Days that were embedded before this one and are looked at.
NEAREST_DAYS = 3

log = structlog.get_logger()


@dataclass(frozen=True)
class Reuse:
    """One layer of an earlier day beside the same layer of this one.

    Attributes:
        now: This day.
        earlier: The earlier day.
        layer: The layer to be written.
        below: This day's layer below it; None for layer 0.
        changed: bool [num_items], items whose projection in the layer below differs; empty for layer 0.
    """

    now: EmbeddingSources
    earlier: EmbeddingSources
    layer: int
    below: Version | None
    changed: np.ndarray

    def needed(self, rows: range, neighbors: np.ndarray | None) -> np.ndarray:
        """Which of the items ``rows`` must be computed, bool [n]; ``neighbors`` int32 [n, T] are theirs."""
        version, name = self.now.own(self.layer, self.below)
        earlier, _ = self.earlier.own(self.layer, self._earlier_layer(self.layer - 1) if self.layer else None)
        needed = changed_rows(version, earlier, name, rows.start, rows.stop)
        if neighbors is not None:
            for name in ("neighbors", "importances"):
                new, old = (each.walked for each in (self.now, self.earlier))
                needed |= changed_rows(new, old, name, rows.start, rows.stop)
            needed |= (self.changed[neighbors] & (neighbors >= 0)).any(axis=1)
        if self.layer == self.now.num_layers:
            held = range(rows.start, min(rows.stop, self.earlier.num_items))
            needed[: len(held)] |= self.now.log_degrees(held) != self.earlier.log_degrees(held)
            needed |= changed_rows(self.now.features, self.earlier.features, "features", rows.start, rows.stop)
        return needed

    def rows(self, name: str, rows: range) -> np.ndarray:
        """The earlier day's rows of an array of the layer; rows that it lacks are missing at the end."""
        return self._earlier_layer(self.layer).parts(name).rows(rows.start, min(rows.stop, self.earlier.num_items))

    def _earlier_layer(self, layer: int) -> Version:
        found = self.earlier.find(layer)
        assert found is not None, "find_reuse saw every layer"
        return found


def find_reuse(now: EmbeddingSources, inference: Layerwise, layer: int, below: Version | None) -> Reuse | None:
    """The nearest earlier day that the same model embedded in the same way; None without one.

    Nor is there one where a row's bits depend on its place in a block: then only a full pass repeats them.
    """
    earlier = _earlier(now)
    if earlier is None or not inference.rows_are_independent():
        return None
    changed = np.zeros(0, np.bool_)
    if below is not None:
        old = earlier.find(layer - 1)
        assert old is not None, "checked by _earlier"
        changed = changed_rows(below, old, "projected", 0, now.num_items)
    log.info("embedding_reuse", layer=layer, earlier=earlier.day, changed_below=int(changed.sum()))
    return Reuse(now, earlier, layer, below, changed)


def _earlier(now: EmbeddingSources) -> EmbeddingSources | None:
    store = now.session.store
    dataset = EMBED_ITEMS.dataset
    days = [day for day in store.objects.folders(dataset) if day < now.day]
    for day in reversed(days[-NEAREST_DAYS:]):
        for version in store.versions(dataset, day):
            used = {item.uri.split("/", 1)[0]: item for item in version.inputs}
            if (
                version.manifest.code_version != EMBED_ITEMS.code_version
                or version.manifest.config != now.settings(now.num_layers)
                or used["model"].content_digest != now.input("model").content_digest
            ):
                continue
            try:
                earlier = EmbeddingSources(now.session, day, tuple(store.version(item.uri) for item in version.inputs))
            except UnknownVersionError:
                continue  # garbage collection took an input
            if all(earlier.find(layer) is not None for layer in range(now.num_layers)):
                return earlier
    return None
