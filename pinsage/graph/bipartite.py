"""The bipartite graph of items and boards as CSR both ways (Ying et al. 2018, section 3.1)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from pinsage.graph.alias import edge_aliases


@dataclass(frozen=True)
class BipartiteGraph:
    """Saves, deduplicated, from both sides; the invariants are checked once, here, and then trusted.

    Attributes:
        item_offsets: Integer [num_items + 1]; the boards of item ``i`` are ``item_boards[offsets[i]:offsets[i + 1]]``.
            int32 while the edges can be counted with it, else int64.
        item_boards: int32 [num_edges], ascending within an item.
        board_offsets: The same type [num_boards + 1].
        board_items: int32 [num_edges], ascending within a board.
        item_edge_weights: float32 [num_edges] above 0, of ``item_boards``: walks take edges in proportion. None:
            all edges alike.
        board_edge_weights: The same of ``board_items``.

    Raises:
        ValueError: Offsets do not ascend to the number of edges, a row is out of range, or the two sides differ in
            their number of edges.
    """

    item_offsets: np.ndarray
    item_boards: np.ndarray
    board_offsets: np.ndarray
    board_items: np.ndarray
    item_edge_weights: np.ndarray | None = None
    board_edge_weights: np.ndarray | None = None

    def __post_init__(self) -> None:
        _check_side("item", self.item_offsets, self.item_boards, self.num_boards)
        _check_side("board", self.board_offsets, self.board_items, self.num_items)
        if len(self.item_boards) != len(self.board_items):
            raise ValueError(
                f"graph: {len(self.item_boards)} edges from the items but {len(self.board_items)} from the boards; "
                "both sides must hold the same saves"
            )

    @property
    def num_items(self) -> int:
        """Items, with and without saves."""
        return len(self.item_offsets) - 1

    @property
    def num_boards(self) -> int:
        """Boards, with and without edges: pruning may have taken all of a board's."""
        return len(self.board_offsets) - 1

    @property
    def num_edges(self) -> int:
        """Distinct (board, item) saves."""
        return len(self.item_boards)

    @cached_property
    def item_aliases(self) -> np.ndarray:
        """Alias tables of the items, uint64 [num_edges]; none, uint64 [0], without weights."""
        return _aliases(self.item_offsets, self.item_boards, self.item_edge_weights)

    @cached_property
    def board_aliases(self) -> np.ndarray:
        """Alias tables of the boards, uint64 [num_edges]; none, uint64 [0], without weights."""
        return _aliases(self.board_offsets, self.board_items, self.board_edge_weights)

    def item_degrees(self) -> np.ndarray:
        """Boards per item, int64 [num_items]."""
        return np.diff(self.item_offsets).astype(np.int64)


def build_graph(item_rows: np.ndarray, board_rows: np.ndarray, num_items: int, num_boards: int) -> BipartiteGraph:
    """Build both CSRs from saves in any order; repeated saves count once.

    Args:
        item_rows: Integer [num_saves], in ``range(num_items)``.
        board_rows: Integer [num_saves], in ``range(num_boards)``.
        num_items: Rows of the item vocabulary.
        num_boards: Rows of the board vocabulary.

    Raises:
        ValueError: The lengths differ or a row is out of range.
    """
    if len(item_rows) != len(board_rows):
        raise ValueError(f"saves: {len(item_rows)} item rows but {len(board_rows)} board rows")
    for name, rows, size in (("item", item_rows, num_items), ("board", board_rows, num_boards)):
        if len(rows) and (rows.min() < 0 or rows.max() >= size):
            raise ValueError(f"saves: {name} rows from {rows.min()} to {rows.max()}, expected 0 to {size - 1}")
    edges = np.unique(item_rows.astype(np.int64) * max(num_boards, 1) + board_rows)
    items, boards = np.divmod(edges, max(num_boards, 1))
    by_board = np.argsort(boards, kind="stable")
    return BipartiteGraph(
        item_offsets=_offsets(items, num_items),
        item_boards=boards.astype(np.int32),
        board_offsets=_offsets(boards, num_boards),
        board_items=items[by_board].astype(np.int32),
    )


def _aliases(offsets: np.ndarray, neighbors: np.ndarray, weights: np.ndarray | None) -> np.ndarray:
    return np.empty(0, np.uint64) if weights is None else edge_aliases(offsets, neighbors, weights)


def _offsets(rows: np.ndarray, size: int) -> np.ndarray:
    return np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=size))]).astype(np.int64)


def _check_side(name: str, offsets: np.ndarray, others: np.ndarray, num_others: int) -> None:
    if len(offsets) < 1 or offsets[0] != 0 or offsets[-1] != len(others) or np.any(np.diff(offsets) < 0):
        raise ValueError(f"graph: {name}_offsets must ascend from 0 to the {len(others)} edges")
    if len(others) and (others.min() < 0 or others.max() >= num_others):
        raise ValueError(f"graph: a row of the {name}s' edges is outside 0 to {num_others - 1}")
