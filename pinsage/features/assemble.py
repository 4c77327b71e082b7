"""The input vector of an item: named blocks side by side, each normalised on its own (section 4.1).

Blocks come in this order: every ``vector.<name>`` column, the text, every ``categorical.<name>`` column, the
``numeric.<name>`` columns together, and the logarithm of the item's degree. Where no column says anything about any
item, a block of random signs by item id follows: pooled over neighborhoods they tell items apart. Vectors of the graph
(`graph_vectors`), which callers bring, come last. The encoder that was
fitted as of one day encodes the items of later days in the same basis; a model understands no other one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pinsage.arrays.stable_hash import combine, hash_ids
from pinsage.arrays.unit_rows import unit_rows
from pinsage.features.blocks import Block
from pinsage.features.categorical import CategoricalEncoder
from pinsage.features.config import FeatureConfig
from pinsage.features.numeric import NumericEncoder
from pinsage.features.text import TextEncoder

FORMAT = 2


@dataclass(frozen=True, eq=False)
class FeatureEncoder:
    """Everything that turns item columns and degrees into features.

    Args:
        vectors: width of every vector column, by name without the prefix, sorted by name.
        text: encoder of titles and texts; None where items bring vectors of their own.
        categorical: encoder of every categorical column, by name, sorted by name.
        numeric_names: the numeric columns, sorted.
        numeric: their encoder.
        log_degree: encoder of the logarithm of 1 + degree.
        identity_width: columns of the block of random signs by item id; 0 where items have columns of their own.
        graph_width: columns of the block of graph vectors.
    """

    vectors: dict[str, int]
    text: TextEncoder | None
    categorical: dict[str, CategoricalEncoder]
    numeric_names: tuple[str, ...]
    numeric: NumericEncoder
    log_degree: NumericEncoder
    identity_width: int = 0
    graph_width: int = 0

    @classmethod
    def fit(cls, items: pa.Table, degrees: NDArray[np.integer[Any]], config: FeatureConfig) -> FeatureEncoder:
        """Fit every block on ``items`` (one row per item; columns as in the data model) and ``degrees`` [num_items].

        Raises:
            ValueError: a vector column holds vectors of several lengths.
        """
        vectors = {name: _vector_width(items, name) for name in _names(items, "vector")}
        categorical = {name: _strings(items, f"categorical.{name}") for name in _names(items, "categorical")}
        numeric_names = tuple(_names(items, "numeric"))
        with_text = config.text == "always" or (config.text == "auto" and not vectors)
        texts = item_texts(items) if with_text else []
        has_columns = bool(vectors or categorical or numeric_names or any(texts))
        return cls(
            vectors=vectors,
            text=TextEncoder.fit(texts, config) if with_text and has_columns else None,
            identity_width=0 if has_columns else config.identity_width,
            graph_width=config.graph_width,
            categorical={name: CategoricalEncoder.fit(cells, config) for name, cells in categorical.items()},
            numeric_names=numeric_names,
            numeric=NumericEncoder.fit(_numbers(items, numeric_names), config),
            log_degree=NumericEncoder.fit(_log_degrees(degrees), config),
        )

    @property
    def blocks(self) -> list[Block]:
        """The blocks in column order: what items bring, log degree, random signs where they bring nothing, graph."""
        widths = [(name, width, "vector") for name, width in self.vectors.items()]
        if self.text is not None:
            widths.append(("text", self.text.width, "text"))
        widths += [(name, encoder.width, "categorical") for name, encoder in self.categorical.items()]
        if self.numeric.width:
            widths.append(("numeric", self.numeric.width, "numeric"))
        widths.append(("log_degree", 1, "log_degree"))
        if self.identity_width:
            widths.append(("identity", self.identity_width, "identity"))
        if self.graph_width:
            widths.append(("graph", self.graph_width, "graph"))
        stops = np.cumsum([width for _, width, _ in widths])
        return [
            Block(name, int(stop) - width, int(stop), kind)
            for (name, width, kind), stop in zip(widths, stops, strict=True)
        ]

    @property
    def width(self) -> int:
        """Columns of what `encode` returns."""
        return self.blocks[-1].stop

    def encode(
        self,
        items: pa.Table,
        degrees: NDArray[np.integer[Any]],
        graph_vectors: NDArray[np.float32] | None = None,
    ) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Features of ``items``, and which of them have any content.

        Columns that the encoder was fitted with and that ``items`` lacks count as missing; others are ignored. Rows
        are independent of each other, so items may be encoded in any chunks.

        Args:
            items: one row per item.
            degrees: saves of each item, [num_items].
            graph_vectors: float32 [num_items, graph_width]; None for items that are in no graph.

        Returns:
            features float32 [num_items, width] and has_content bool [num_items]: False where no column but the degree
            says anything about the item; its content blocks are then 0.

        Raises:
            ValueError: a vector column has another width than when fitted.
        """
        parts = [self._vectors(items, name, width) for name, width in self.vectors.items()]
        if self.text is not None:
            parts.append(self.text.encode(item_texts(items)))
        for name, encoder in self.categorical.items():
            parts.append(encoder.encode(_strings(items, f"categorical.{name}")))
        numbers = _numbers(items, self.numeric_names)
        known: NDArray[np.bool_] = np.asarray(np.isfinite(numbers).any(axis=1))
        for part in parts:
            known |= np.asarray(part.any(axis=1))
        if self.numeric.width:
            parts.append(np.where(known[:, None], self.numeric.encode(numbers), np.float32(0)))
        parts.append(self.log_degree.encode(_log_degrees(degrees)))
        if self.identity_width:
            parts.append(random_signs(items.column("item_id"), self.identity_width))
        if graph_vectors is None:
            graph_vectors = np.zeros((items.num_rows, self.graph_width), np.float32)
        parts.append(graph_vectors)
        return np.concatenate(parts, axis=1, dtype=np.float32), known

    def _vectors(self, items: pa.Table, name: str, width: int) -> NDArray[np.float32]:
        column = f"vector.{name}"
        if column not in items.column_names:
            return np.zeros((items.num_rows, width), dtype=np.float32)
        got = _vector_width(items, name)
        if got != width:
            raise ValueError(
                f"features: column {column} holds vectors of width {got}, expected {width} as when the encoder was "
                "fitted; restore the old vectors, or train a model on the new ones first"
            )
        matrix = np.zeros((items.num_rows, width), dtype=np.float32)
        cells = items.column(column).combine_chunks()
        valid = cells.is_valid().to_numpy(zero_copy_only=False)
        values = pc.list_flatten(cells).to_numpy(zero_copy_only=False)  # null rows are skipped, null entries are NaN
        matrix[valid] = values.reshape(-1, width)
        return unit_rows(matrix)

    def state(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """The encoder as a JSON document and named arrays; `from_state` is the way back."""
        text, arrays = (None, {}) if self.text is None else self.text.state()
        document = {
            "format": FORMAT,
            "vectors": self.vectors,
            "text": text,
            "categorical": {name: encoder.state() for name, encoder in self.categorical.items()},
            "numeric_names": list(self.numeric_names),
            "numeric": self.numeric.state(),
            "log_degree": self.log_degree.state(),
            "identity_width": self.identity_width,
            "graph_width": self.graph_width,
        }
        return document, {f"text_{name}": array for name, array in arrays.items()}

    @classmethod
    def from_state(cls, document: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> FeatureEncoder:
        """The encoder that `state` took apart.

        Raises:
            ValueError: the document was written in another format.
        """
        if document.get("format") != FORMAT:
            raise ValueError(f"feature encoder: got format {document.get('format')!r}, expected {FORMAT}")
        text = document["text"]
        text_arrays = {name.removeprefix("text_"): array for name, array in arrays.items() if name.startswith("text_")}
        return cls(
            vectors={name: int(width) for name, width in sorted(document["vectors"].items())},
            text=None if text is None else TextEncoder.from_state(text, text_arrays),
            categorical={
                name: CategoricalEncoder.from_state(state) for name, state in sorted(document["categorical"].items())
            },
            numeric_names=tuple(document["numeric_names"]),
            numeric=NumericEncoder.from_state(document["numeric"]),
            log_degree=NumericEncoder.from_state(document["log_degree"]),
            identity_width=int(document["identity_width"]),
            graph_width=int(document["graph_width"]),
        )


def random_signs(item_ids: pa.ChunkedArray, width: int) -> NDArray[np.float32]:
    """Unit vectors of random signs, a function of the item id alone, float32 [n, width]."""
    words = hash_ids(item_ids)
    columns = [combine(column, words) >> np.uint64(63) for column in range(width)]
    signs = np.stack(columns, axis=1).astype(np.float32) * 2 - 1
    return signs / np.float32(np.sqrt(width))


def item_texts(items: pa.Table) -> list[str]:
    """What is read of each item: title and text; title and categorical values where the text is missing."""
    titles, texts = (_strings(items, name).to_pylist() for name in ("title", "text"))
    categories: Sequence[Sequence[str | None]] = [
        _strings(items, f"categorical.{name}").to_pylist() for name in _names(items, "categorical")
    ]
    values = zip(*categories, strict=True) if categories else ((),) * items.num_rows
    return [
        " ".join(part for part in ((title, text) if text else (title, *cells)) if part)
        for title, text, cells in zip(titles, texts, values, strict=True)
    ]


def _names(items: pa.Table, prefix: str) -> list[str]:
    return sorted(name.removeprefix(f"{prefix}.") for name in items.column_names if name.startswith(f"{prefix}."))


def _strings(items: pa.Table, column: str) -> pa.ChunkedArray:
    if column not in items.column_names:
        return pa.chunked_array([pa.nulls(items.num_rows, pa.string())])
    return items.column(column).cast(pa.string())


def _numbers(items: pa.Table, names: Sequence[str]) -> NDArray[np.float64]:
    matrix = np.full((items.num_rows, len(names)), np.nan)
    for position, name in enumerate(names):
        if f"numeric.{name}" in items.column_names:
            matrix[:, position] = items.column(f"numeric.{name}").cast(pa.float64()).to_numpy()
    return matrix


def _log_degrees(degrees: NDArray[np.integer[Any]]) -> NDArray[np.float64]:
    return np.log1p(np.asarray(degrees, dtype=np.float64))[:, None]


def _vector_width(items: pa.Table, name: str) -> int:
    """Width of a fixed-size list column, or of a list column whose lists are all of one length."""
    column = items.column(f"vector.{name}")
    if pa.types.is_fixed_size_list(column.type):
        return int(column.type.list_size)
    lengths = pc.unique(pc.list_value_length(column.drop_null())).to_pylist()
    if len(lengths) > 1:
        raise ValueError(f"features: column vector.{name} holds vectors of widths {sorted(lengths)[:5]}, expected one")
    return int(lengths[0]) if lengths else 1
