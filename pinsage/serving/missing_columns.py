"""Columns that a new item does not bring, taken from the catalogue's items that are alike in what it brings.

The model was trained on items whose blocks of features are mostly there. An item described by its title alone would
leave the others at 0, which is far from every item that the model knows.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pinsage.arrays.unit_rows import unit_rows
from pinsage.features.blocks import Block

NUM_ALIKE = 10
MAX_COMPARED = 50_000  # items, evenly spaced: what bounds the time of an answer
_CONTENT = ("vector", "text", "categorical", "numeric")
_UNIT_LENGTH = ("vector", "text", "categorical")


def filled(row: np.ndarray, blocks: Sequence[Block], brought: Sequence[Block], features: np.ndarray) -> np.ndarray:
    """Fill the blocks of content that an item lacks; what the graph knows of others is not lent.

    Args:
        row: The item's features, float32 [width].
        blocks: What its columns are.
        brought: Those that it brings; one that is 0 says nothing and is filled, too.
        features: Of the catalogue's items, float32 [num_items, width]; may be memory mapped.

    Returns:
        A new row. Each missing block is the mean over the `NUM_ALIKE` items most alike in the other blocks of content,
        weighted by similarity. The row itself where nothing of the content is missing, or no item is alike.
    """
    content = [block for block in blocks if block.kind in _CONTENT]
    brought = [block for block in content if block in brought and row[block.start : block.stop].any()]
    if len(brought) == len(content):
        return row
    compared = features[:: max(1, -(-len(features) // MAX_COMPARED))]
    similarities = np.zeros(len(compared), dtype=np.float32)
    for block in brought:
        own = unit_rows(row[None, block.start : block.stop])[0]
        similarities += unit_rows(np.asarray(compared[:, block.start : block.stop])) @ own
    alike = np.lexsort((np.arange(len(compared)), -similarities))[:NUM_ALIKE]
    weights = np.maximum(similarities[alike], 0)
    if not weights.any():
        return row
    mean = (weights / weights.sum()) @ np.asarray(compared[alike])
    whole = row.copy()
    for block in content:
        if block not in brought:
            lent = mean[None, block.start : block.stop]
            whole[block.start : block.stop] = unit_rows(lent)[0] if block.kind in _UNIT_LENGTH else lent[0]
    return whole
