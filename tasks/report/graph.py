"""The graph of the day: counts, and how unevenly saves are spread."""

from __future__ import annotations

import numpy as np

from tasks.report.sources import Sources
from tasks.runtime.pages.blocks import Chart, Facts, Section, Table
from tasks.runtime.pages.charts import OTHERS, OURS, bars

SIDES = (("item", "Items", "boards of an item", OURS), ("board", "Boards", "items of a board", OTHERS))
SHARES = {"median": 0.5, "90%": 0.9, "99%": 0.99, "largest": 1.0}


def graph(sources: Sources) -> Section:
    """Degrees of items and boards by powers of two, and what the graph's statistics hold beside."""
    statistics = sources.graph.json("statistics")
    charts, quantiles = [], []
    for side, plural, name, color in SIDES:
        degrees = np.diff(sources.graph.array(f"{side}_offsets"))
        drawn = bars(degree_histogram(degrees), "degree", "count", name, color)
        charts.append(Chart(drawn, f"{plural} by number of {name}; both axes grow by factors."))
        if len(degrees):
            found = np.quantile(degrees, list(SHARES.values()), method="inverted_cdf")
            quantiles.append((name, *(f"{int(degree):,}" for degree in found)))
    numbers = [
        (f"{value:,}" if isinstance(value, int) else f"{value:,.3f}", name.removeprefix("num_").replace("_", " "))
        for name, value in statistics.items()
        if isinstance(value, int | float)
    ]
    table = Table(["", *SHARES], quantiles)
    return Section("Graph", "Items, boards and the distinct saves between them.", [Facts(numbers), *charts, table])


def degree_histogram(degrees: np.ndarray) -> list[dict[str, object]]:
    """How many have 0, 1, 2 to 3, 4 to 7, ... saves."""
    counts = np.bincount(np.where(degrees > 0, np.log2(np.maximum(degrees, 1)).astype(int) + 1, 0)).tolist()
    return [
        {"degree": "0" if power == 0 else _short(2 ** (power - 1)), "count": count}
        for power, count in enumerate(counts)
    ]


def _short(number: int) -> str:
    return f"{number}" if number < 1024 else f"{number // 1024}k" if number < 1024**2 else f"{number // 1024**2}M"
