"""Which columns of the features say what. It lies apart from the encoders, whose libraries a reader does not need."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Block:
    """Columns ``start`` (inclusive) to ``stop`` (exclusive) of the features.

    ``kind`` is one of vector, text, categorical, numeric, log_degree, identity, graph.
    """

    name: str
    start: int
    stop: int
    kind: str


def content_width(blocks: Sequence[Mapping[str, Any]]) -> int:
    """How many leading columns are the items' own: all before the degree; ``blocks`` as JSON."""
    return min(int(block["start"]) for block in blocks if block["kind"] == "log_degree")
