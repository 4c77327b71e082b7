"""Items to look at: what is recommended, and the hard negatives that the model was trained against."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from pinsage.serving.categories import readable, values_of
from pinsage.serving.published import PublishedIndex
from tasks.report.sources import Sources
from tasks.runtime.pages.blocks import Card, Cards, Section
from tasks.runtime.terminal_text import one_line

NUM_QUERIES, NUM_FOUND = 10, 6
NUM_HARD_QUERIES, SEED = 5, 0
TITLE_WIDTH = 120


def recommendations(sources: Sources, opened: PublishedIndex) -> Section:
    """Popular items of different categories, and their nearest neighbors with popularity left out."""
    degrees = np.diff(sources.graph.array("item_offsets"))
    blocks = []
    for row in _popular_rows(degrees, opened):
        query = opened.index.geometry.queries(np.asarray(opened.index.embeddings[row : row + 1]), 0.0)[0]
        rows, scores = opened.index.search(query, NUM_FOUND, exclude=np.array([row]))
        found = [_card(opened.items, int(near), f"{score:.3f}") for near, score in zip(rows, scores, strict=True)]
        blocks.append(Cards(_card(opened.items, row, f"{degrees[row]:,} boards"), found))
    note = "Popular items of different categories and their nearest neighbors; popularity is left out of the score."
    return Section("Recommendations", note, blocks)


def hard_negatives(sources: Sources) -> Section:
    """Queries of training, an item that was taken after each, and items of the rank band that are alike but not it."""
    store, model = sources.store, sources.model
    mined, pairs = store.input_of(model, "hard_negatives"), store.input_of(model, "pairs")
    labels = store.input_of(model, "features").table("item_labels")
    queries, pools = np.asarray(mined.array("queries")), mined.array("pools")
    train = np.asarray(pairs.array("train"))
    blocks = []
    for place in np.random.default_rng(SEED).permutation(len(queries)).tolist():
        taken = train[train[:, 0] == queries[place], 1]
        pool = np.asarray(pools[place])
        pool = pool[pool >= 0]
        if len(taken) == 0 or len(pool) == 0:
            continue
        chosen = pool[np.linspace(0, len(pool) - 1, min(NUM_FOUND - 1, len(pool))).astype(int)]
        found = [
            _card(labels, int(taken[0]), "taken next"),
            *(_card(labels, int(row), "hard negative") for row in chosen),
        ]
        blocks.append(Cards(_card(labels, int(queries[place]), "query"), found))
        if len(blocks) == NUM_HARD_QUERIES:
            break
    note = (
        "Items that personalised PageRank ranks near the query without being what was taken: the model must learn to "
        "tell them from the positive (section 3.3)."
    )
    return Section("Hard examples", note if blocks else "The model was trained without hard negatives.", blocks)


def _popular_rows(degrees: np.ndarray, opened: PublishedIndex) -> Iterator[int]:
    categories = opened.categories
    first = categories.first
    seen: set[int] = set()
    shown = 0
    for row in np.argsort(-degrees, kind="stable").tolist():
        if shown == NUM_QUERIES or not degrees[row]:
            return
        if categories.names[first[row]] and int(first[row]) in seen:
            continue
        seen.update(categories.codes[categories.offsets[row] : categories.offsets[row + 1]].tolist())
        shown += 1
        yield row


def _card(labels: pa.Table, row: int, note: str) -> Card:
    item_id, title, category = (labels.column(name)[row].as_py() for name in ("item_id", "title", "category"))
    return Card(one_line(title or item_id, TITLE_WIDTH), one_line(readable(values_of(category)), TITLE_WIDTH), note)
