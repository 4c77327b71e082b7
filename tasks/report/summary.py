"""What a reader wants to know first, and the words that the page is written in."""

from __future__ import annotations

from tasks.evaluate.evaluation_table import headline
from tasks.report.sources import Sources
from tasks.runtime.pages.blocks import Facts, Section


def summary(sources: Sources) -> Section:
    """How much went in, how good the model is beside the best other method, and whether the index can be trusted."""
    statistics, recall = sources.graph.json("statistics"), sources.index.json("recall")
    numbers = [
        (f"{statistics[f'num_{name}']:,}", name) for name in ("items", "boards", "saves") if f"num_{name}" in statistics
    ]
    numbers += _quality(sources)
    if recall["recall"] is not None:
        numbers.append((f"{recall['recall']:.3f}", f"recall@{recall['k']} of the index, against exact search"))
    note = (
        "An item is what is recommended; a board is whatever items are collected in, such as a basket or a playlist; a "
        "save puts an item on a board. From saves and the items' own features the model learns an embedding of every "
        "item, a list of numbers; items with similar embeddings go together, and the index finds them."
    )
    return Section("In short", note, [Facts(numbers)])


def _quality(sources: Sources) -> list[tuple[str, str]]:
    if sources.evaluation is None:
        return []
    shown = headline(sources.evaluation.json("metrics"))
    if shown is None or shown.best is None:
        return []
    return [
        (f"{shown.ours:.3f}", f"{shown.metric} of PinSage"),
        (f"{shown.other:.3f}", f"{shown.metric} of the best other method, {shown.best}"),
    ]
