"""Items that no version has: embedded as queries by the model's layers from their own columns, without neighbors.

A new item was never saved, so its degree is 0 and it pools nothing; what is left of CONVOLVE (Ying et al. 2018,
algorithm 1) is the item's own half of W. The encoder is the one that the model was trained on. Columns that the item
does not bring are taken from items that are alike in the others (`missing_columns`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from pinsage.extras import missing_library
from pinsage.features.blocks import Block
from pinsage.serving.answers import NothingKnownError, RefusedRequestError
from pinsage.serving.missing_columns import filled
from pinsage.store import Store, Version

if TYPE_CHECKING:
    from pinsage.features.assemble import FeatureEncoder
    from pinsage.model.pinsage import PinSage


@dataclass(frozen=True)
class NewItem:
    """What is known of an item that is not in the catalogue; everything is optional, but something must be there.

    Attributes:
        title: As in the items table.
        text: As in the items table.
        categories: Categorical columns by name, without the prefix.
        numbers: Numeric columns by name.
        vectors: Vector columns by name.
    """

    title: str | None = None
    text: str | None = None
    categories: Mapping[str, str] = field(default_factory=dict)
    numbers: Mapping[str, float] = field(default_factory=dict)
    vectors: Mapping[str, Sequence[float]] = field(default_factory=dict)


class NewItemEmbedder:
    """Encoder and network of one index version.

    Args:
        encoder: Fitted on the items that the model was trained on.
        network: The model, in evaluation mode.
        features: Of these items, float32 [num_items, width], memory mapped.
    """

    def __init__(self, encoder: FeatureEncoder, network: PinSage, features: np.ndarray) -> None:
        self._encoder = encoder
        self._network = network
        self._features = features

    @classmethod
    def open(cls, store: Store, index: Version) -> NewItemEmbedder:
        """Follow an index to its embeddings, their model and the features it was trained on.

        Raises:
            MissingLibraryError: What encodes a new item is not installed.
        """
        # torch takes seconds to import, and most readers never ask for a new item.
        try:
            import torch  # noqa: F401  # first: it is the one to name where none is installed
            from safetensors.torch import load_file

            from pinsage.features.assemble import FeatureEncoder
            from pinsage.model.pinsage import PinSage
        except ModuleNotFoundError as error:
            raise missing_library(error, "a new item", "pipeline") or error from None

        model = store.input_of(store.input_of(index, "embeddings"), "model")
        features = store.input_of(model, "features")
        arrays = {name: features.array(name) for name in features.names() if name.startswith("text_")}
        encoder = FeatureEncoder.from_state(features.json("encoder"), arrays)
        network = PinSage.from_state(model.json("architecture"), load_file(model.path("weights")))
        return cls(encoder, network, features.array("features"))

    def embed(self, item: NewItem) -> np.ndarray:
        """The item's row of the index, float32 [width].

        Raises:
            NothingKnownError: The item brings nothing that the model understands; the message says what it understands.
            RefusedRequestError: A column is unknown, or a vector has another width than the model's.
        """
        import torch

        h, known = self._encoder.encode(self._as_table(item), np.zeros(1, dtype=np.int64))
        if not known[0]:
            raise NothingKnownError(
                f"the new item brings nothing that the model understands; it understands {self._understood()}"
            )
        blocks = self._encoder.blocks
        h[0] = filled(h[0], blocks, [block for block in blocks if self._brings(item, block)], self._features)
        with torch.inference_mode():
            output = features = torch.from_numpy(h)
            nobody, nothing = torch.full((1, 1), -1), torch.zeros(1, 1)
            for convolution in self._network.layers:
                output = convolution.convolve_fixed(output, nobody, nothing)
            vector: np.ndarray = self._network.embeddings(output, features, torch.zeros(1)).numpy()[0]
        return vector

    def _brings(self, item: NewItem, block: Block) -> bool:
        given = {
            "vector": item.vectors.keys() & {block.name},
            "text": item.title or item.text,
            "categorical": item.categories.keys() & {block.name},
            "numeric": item.numbers,
        }
        return bool(given.get(block.kind))

    def _as_table(self, item: NewItem) -> pa.Table:
        encoder = self._encoder
        for kind, given, known in (
            ("category", item.categories, list(encoder.categorical)),
            ("number", item.numbers, list(encoder.numeric_names)),
            ("vector", item.vectors, list(encoder.vectors)),
        ):
            for name in sorted(set(given) - set(known)):
                raise RefusedRequestError(
                    f"new item: {kind} {name!r} is unknown to the model; known: {', '.join(known) or 'none'}"
                )
        columns = {
            "title": _column("title", item.title, pa.string()),
            "text": _column("text", item.text, pa.string()),
            **{f"categorical.{name}": _column(name, value, pa.string()) for name, value in item.categories.items()},
            **{f"numeric.{name}": _column(name, value, pa.float64()) for name, value in item.numbers.items()},
        }
        for name, vector in item.vectors.items():
            values, width = np.asarray(vector, dtype=np.float32), encoder.vectors[name]
            if values.shape != (width,) or not np.isfinite(values).all():
                raise RefusedRequestError(
                    f"new item: vector {name!r} has {len(values)} entries, expected {width} finite numbers"
                )
            columns[f"vector.{name}"] = pa.FixedSizeListArray.from_arrays(pa.array(values), len(values))
        return pa.table(columns)

    def _understood(self) -> str:
        encoder = self._encoder
        kinds = [f"vector {name}" for name in encoder.vectors]
        kinds += ["title", "text"] if encoder.text is not None else []
        kinds += [f"category {name}" for name in encoder.categorical]
        kinds += [f"number {name}" for name in encoder.numeric_names]
        return ", ".join(kinds) or "item ids alone"


def _column(name: str, value: Any, kind: pa.DataType) -> pa.Array:
    try:
        return pa.array([value], kind)
    except (pa.ArrowInvalid, pa.ArrowTypeError, UnicodeEncodeError):
        wanted = "text" if kind == pa.string() else "a number"
        raise RefusedRequestError(f"new item: {name}: got {value!r}, expected {wanted}") from None
