"""What the layers of a day's embeddings are computed from and where they lie; the stage is `tasks.embed.embed_items`.

Layer 0 holds the projected features, layers 1 to K - 1 the outputs of a convolution and their projections for the next
one, layer K the embeddings. Layers below K are versions of ``embedding_layers``.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from pinsage.model.layerwise import top_neighbors
from pinsage.store import Version, Writer
from pinsage.store.digests import plain
from tasks.prepare.prepared import Prepared
from tasks.runtime.session import Session
from tasks.runtime.stages import EMBED_ITEMS, EMBED_LAYER, Stage


@dataclass(frozen=True)
class EmbeddingSources:
    """The inputs of one day's embeddings and the versions of their layers.

    Attributes:
        session: Store and configuration (``embedding``).
        day: The partition.
        inputs: ``model``, ``graph``, ``features``, ``neighborhoods``; ``model_features`` where the model was trained on
            another basis than the day's; ``filled_neighborhoods`` where items without saves are lent some.
    """

    session: Session
    day: str
    inputs: tuple[Version, ...]

    @classmethod
    def of(
        cls, session: Session, prepared: Prepared, model: Version, features: Version, neighborhoods: Version
    ) -> EmbeddingSources:
        """What a day is embedded from.

        Args:
            session: Store and configuration.
            prepared: Graph, features and neighborhoods of the day.
            model: A trained model.
            features: The items in the model's basis (`tasks.embed.encode_for_model`).
            neighborhoods: The day's, or the filled ones (`tasks.embed.fill_neighborhoods`).
        """
        inputs = [model, prepared.graph, prepared.features, prepared.neighborhoods]
        if features.content_digest != prepared.features.content_digest:
            inputs.append(features)
        if neighborhoods.uri != prepared.neighborhoods.uri:
            inputs.append(neighborhoods)
        return cls(session, prepared.day, tuple(inputs))

    def input(self, *datasets: str) -> Version:
        """The input of the first of ``datasets`` that there is."""
        by_dataset = {version.dataset: version for version in self.inputs}
        return next(by_dataset[name] for name in datasets if name in by_dataset)

    @cached_property
    def features(self) -> Version:
        """The items in the basis of the model."""
        return self.input("model_features", "features")

    @cached_property
    def walked(self) -> Version:
        """The neighborhoods, those that were lent to items without saves included."""
        return self.input("filled_neighborhoods", "neighborhoods")

    @cached_property
    def num_items(self) -> int:
        """Items of the day."""
        return int(self.input("graph").facts["num_items"])

    @cached_property
    def num_layers(self) -> int:
        """K."""
        return int(self.input("model").json("architecture")["config"]["num_layers"])

    def settings(self, layer: int) -> dict[str, Any]:
        """The settings that a layer depends on."""
        more = {} if layer == self.num_layers else {"layer": layer}
        settings: dict[str, Any] = plain(self._stage(layer).fingerprinted(self.session.config, **more))
        return settings

    def writer(self, layer: int) -> Writer:
        """Opens the version of a layer for writing."""
        return self.session.store.write(self._stage(layer).dataset, **self._origin(layer))

    def find(self, layer: int) -> Version | None:
        """The committed version of a layer, or None; its files are checked when they are read."""
        return self.session.store.committed(self._stage(layer).dataset, **self._origin(layer))

    def _stage(self, layer: int) -> Stage:
        return EMBED_ITEMS if layer == self.num_layers else EMBED_LAYER

    def _origin(self, layer: int) -> dict[str, Any]:
        return {
            "partition": self.day,
            "inputs": self.inputs,
            "config": self.settings(layer),
            "code_version": self._stage(layer).code_version,
        }

    def names(self, layer: int) -> list[str]:
        """The arrays of a layer."""
        if layer == self.num_layers:
            return ["embeddings"]
        return ["output", "projected"] if layer else ["projected"]

    def own(self, layer: int, below: Version | None) -> tuple[Version, str]:
        """Where the items' own vectors lie that a layer starts from: features, or the outputs of the layer below."""
        return (self.features, "features") if layer < 2 or below is None else (below, "output")

    def neighborhoods(self, rows: range) -> tuple[np.ndarray, np.ndarray]:
        """Neighbors and importances of some items, cut to the T of the model."""
        version, top_t = self.walked, int(self.input("model").json("architecture")["config"]["top_t"])
        neighbors, importances = (
            version.parts(name).rows(rows.start, rows.stop) for name in ("neighbors", "importances")
        )
        return top_neighbors(neighbors, importances, top_t)

    def log_degrees(self, rows: range) -> np.ndarray:
        """log(1 + degree) of some items, float32."""
        offsets = self.input("graph").array("item_offsets")[rows.start : rows.stop + 1]
        return np.log1p(np.diff(offsets)).astype(np.float32)
