"""The generator of benchmark graphs: ranges fit together, and shapes are those it promises."""

from __future__ import annotations

import numpy as np

from benchmarks.power_law import PowerLawSaves
from pinsage.graph.bipartite import build_graph

STREAM = PowerLawSaves(items=20_011, boards=3_000, saves=300_000, seed=4, topics=10)


def test_any_range_of_saves_can_be_made_by_itself() -> None:
    whole = STREAM.rows(0, STREAM.saves)
    for start, stop in ((0, 1), (17, 4_000), (299_999, 300_000)):
        for part, side in zip(STREAM.rows(start, stop), whole, strict=True):
            np.testing.assert_array_equal(part, side[start:stop])
    other = PowerLawSaves(items=20_011, boards=3_000, saves=300_000, seed=5, topics=10).rows(0, 1_000)
    assert (other[0] != whole[0][:1_000]).any()


def test_items_are_zipf_boards_lognormal_and_topics_planted() -> None:
    item_rows, board_rows = STREAM.rows(0, STREAM.saves)
    popularity = np.sort(np.bincount(item_rows, minlength=STREAM.items))[::-1]
    # The integral of r ** -0.8: the first tenth of all ranks has 57% of the weight, of the ranks of one topic 53%.
    assert 0.52 < popularity[: STREAM.items // 10].sum() / STREAM.saves < 0.58
    sizes = np.bincount(board_rows, minlength=STREAM.boards)
    assert 0.9 < np.log(sizes[sizes > 0]).std() < 1.1
    inside = STREAM.topic_of_items()[item_rows] == board_rows % STREAM.topics
    assert 0.80 < inside.mean() < 0.84, "80% by plan, and a tenth of the rest by chance"


def test_graph_is_that_of_all_saves() -> None:
    graph, expected = STREAM.graph(), build_graph(*STREAM.rows(0, STREAM.saves), STREAM.items, STREAM.boards)
    for name in ("item_offsets", "item_boards", "board_offsets", "board_items"):
        np.testing.assert_array_equal(getattr(graph, name), getattr(expected, name))
