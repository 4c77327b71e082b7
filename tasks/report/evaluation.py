"""How good the model is beside every baseline, with intervals."""

from __future__ import annotations

from typing import Any

from tasks.report.blocks import Cell, Chart, Section, Table
from tasks.report.charts import ranked
from tasks.report.sources import Sources

OURS = "pinsage"


def evaluation(sources: Sources) -> Section:
    """Charts of the hit-rates, and the table of every metric, for all pairs and for each slice."""
    if sources.evaluation is None:
        return Section("Evaluation", "The model was never evaluated.")
    metrics = sources.evaluation.json("metrics")
    methods = metrics["methods"]
    charts = [
        Chart(ranked(_rows(methods, name), "method", "value", OURS, name), f"{name} with its bootstrap interval.")
        for name in methods[OURS]
        if name.startswith("hit_rate@") and _rows(methods, name)
    ]
    tables = [_table("All pairs", metrics["num_queries"], methods)]
    for name, part in metrics["slices"].items():
        if part["num_queries"]:
            tables.append(_table(_slice_title(name, part), part["num_queries"], part["methods"]))
    note = (
        f"{metrics['num_queries']:,} held-out pairs after {metrics['as_of_day']}, each ranked among all "
        f"{metrics['pool_size']:,} items. Scaled MRR is the mean of 1/⌈rank/{metrics['reciprocal_scale']}⌉."
    )
    return Section("Evaluation", note, [*charts, *tables])


def _rows(methods: dict[str, Any], name: str) -> list[dict[str, Any]]:
    return [
        {
            "method": method,
            "value": values[name],
            "low": values["interval"][name][0],
            "high": values["interval"][name][1],
        }
        for method, values in methods.items()
        if values.get(name) is not None
    ]


def _slice_title(name: str, part: dict[str, Any]) -> str:
    limit = f", at most {part['max_saves']}" if "max_saves" in part else ""
    return f"Slice: {name.replace('_', ' ')}{limit}"


def _table(title: str, num_queries: int, methods: dict[str, Any]) -> Table:
    names = [name for name in methods[OURS] if name != "interval"]
    rows = [
        (method, *(_cell(values, name) for name in names))
        for method, values in sorted(methods.items(), key=lambda each: (each[0] != OURS, each[0]))
    ]
    return Table(["method", *names], rows, f"{title} ({num_queries:,} queries)", OURS)


def _cell(values: dict[str, Any], name: str) -> Cell:
    if values.get(name) is None:
        return Cell("-", "")
    low, high = values["interval"][name]
    return Cell(f"{values[name]:.4f}", "" if low is None else f"{low:.4f} – {high:.4f}")
