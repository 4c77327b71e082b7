"""What pruning took from the graph, and what it gave; with seconds in it, no part of the report's version."""

from __future__ import annotations

from pinsage.store import Version
from tasks.runtime.pages.blocks import Section, Table


def pruning(measured: Version | None) -> Section | None:
    """Edges, time of the walks and hit-rates before and after; None where the graph is all the saves."""
    if measured is None:
        return None
    effect, seconds = measured.json("effect"), measured.measurements
    rows = [
        (
            name,
            f"{each['num_edges']:,}",
            f"{each['num_edges'] / max(effect['before']['num_edges'], 1):.1%}",
            f"{seconds[f'walk_seconds_{name}']:,.3f}",
            *(f"{value:.4f}" for metric, value in each.items() if metric.startswith("hit_rate")),
        )
        for name, each in (("before", effect["before"]), ("after", effect["after"]))
    ]
    rates = [metric for metric in effect["before"] if metric.startswith("hit_rate")]
    table = Table(["", "edges", "kept", "seconds of all walks", *rates], rows)
    num_pairs = effect["after"]["num_pairs"]
    return Section(
        "Pruning",
        f"With all edges and with those that the rules leave: the walks, and which of {num_pairs:,} pairs they find.",
        [table],
    )
