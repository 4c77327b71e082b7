"""The index: what was measured to choose its trees and search effort."""

from __future__ import annotations

from tasks.report.sources import Sources
from tasks.runtime.pages.blocks import Chart, Facts, Section
from tasks.runtime.pages.charts import scatter


def index(sources: Sources) -> Section:
    """Recall against exact search for every effort that was tried."""
    recall, sidecar = sources.index.json("recall"), sources.index.json("sidecar")
    points = [
        {"search_k": point["search_k"], "recall": point["recall"], "measured": kind}
        for kind, curve in (("whole index", recall["curve"]), ("one shard", recall["shard_curves"]))
        for point in curve
        if point["recall"] is not None
    ]
    name = f"recall@{recall['k']}"
    numbers = [
        ("-" if recall["recall"] is None else f"{recall['recall']:.3f}", name),
        (f"{sidecar['num_indexed']:,}", "items indexed"),
        (f"{sidecar['num_shards']}", "shards"),
        (
            ", ".join(str(each) for each in sorted({shard["num_trees"] for shard in sidecar["shards"]})),
            "trees in a shard",
        ),
        (f"{sidecar['search_k']:,}", "nodes inspected (search_k)"),
    ]
    blocks = [Facts(numbers)]
    caption = (
        f"{name}, the share of the {recall['k']} nearest items that the index finds, by the effort of a search: more "
        "nodes inspected find more and take longer. The least effort that reached the target was chosen."
    )
    charts = [Chart(scatter(points, "search_k", "recall", "measured", "search_k"), caption)] if points else []
    return Section("Index", "Approximate search must find what exact search finds.", [*blocks, *charts])
