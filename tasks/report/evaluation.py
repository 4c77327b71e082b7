"""How good the model is beside every baseline, with intervals."""

from __future__ import annotations

from typing import Any

from tasks.evaluate.evaluation_table import METHODS, OURS, metric_name
from tasks.report.sources import Sources
from tasks.runtime.pages.blocks import Block, Cell, Chart, Section, Table
from tasks.runtime.pages.charts import ranked

SLICES = {
    "few_saves": "When the item to be found has few saves, at most {max_saves:,}",
    "few_saves_queries": "When the item asked about has few saves, at most {max_saves:,}",
    "cold": "When the item to be found has no saves yet",
}


def evaluation(sources: Sources) -> Section:
    """Charts of the hit-rates, and the table of every metric, for all pairs and for each slice."""
    if sources.evaluation is None:
        return Section("Evaluation", "The model was never evaluated.")
    metrics = sources.evaluation.json("metrics")
    methods = metrics["methods"]
    scale, level = metrics["reciprocal_scale"], sources.evaluation.manifest.config["interval_level"]
    charts = []
    for name in (each for each in methods["pinsage"] if each.startswith("hit_rate@")):
        rows = _rows(methods, name)
        if rows:
            drawn = ranked(rows, "method", "value", OURS, metric_name(name, scale))
            share = f"Share of pairs whose item is among the first {name.partition('@')[2]} of {metrics['pool_size']:,}"
            charts.append(Chart(drawn, f"{share}; the thin line is the {level:.0%} interval."))
    alone = metrics["without_popularity"] if sources.embeddings.facts["popularity_dim"] else {}
    tables = [_table("All pairs", metrics, metrics["num_queries"], methods, alone.get("all"))]
    for name, title in SLICES.items():
        part = metrics["slices"].get(name)  # an evaluation of earlier code may have fewer
        if part and part["num_queries"]:
            title = title.format(**part)
            tables.append(_table(title, metrics, part["num_queries"], part["methods"], alone.get(name)))
    as_of = metrics["as_of_day"]
    where = f"in the days after {as_of}" if as_of != sources.evaluation.partition else "on boards that were held out"
    note = (
        f"{metrics['num_queries']:,} pairs of items that were taken one after the other {where}, of which the model "
        f"has seen nothing. Asked about the first item, each method ranks all {metrics['pool_size']:,} items: the "
        "earlier it names the second one, the better. MRR is the mean of 1/rank; scaled by "
        f"{scale}, the mean of 1/⌈rank/{scale}⌉, it also tells rank {scale} from rank {10 * scale:,}."
    )
    known = [METHODS[name] for name in METHODS if name in methods or (name == "likeness" and alone)]
    blocks: list[Block] = [*charts, Table(["method", "what it recommends"], known, words=True), *tables]
    return Section("Evaluation", note, blocks)


def _rows(methods: dict[str, Any], name: str) -> list[dict[str, Any]]:
    return [
        {
            "method": METHODS[method][0],
            "value": values[name],
            "low": values["interval"][name][0],
            "high": values["interval"][name][1],
        }
        for method, values in methods.items()
        if values.get(name) is not None
    ]


def _table(
    title: str, metrics: dict[str, Any], num_queries: int, methods: dict[str, Any], alone: dict[str, Any] | None
) -> Table:
    every = methods if alone is None else {**methods, "likeness": alone}
    names = [name for name in methods["pinsage"] if name != "interval"]
    rows = [
        (METHODS[method][0], *(_cell(every[method], name) for name in names)) for method in METHODS if method in every
    ]
    header = ["method", *(metric_name(name, metrics["reciprocal_scale"]) for name in names)]
    return Table(header, rows, f"{title} ({num_queries:,} pairs)", OURS)


def _cell(values: dict[str, Any], name: str) -> Cell:
    if values.get(name) is None:
        return Cell("-", "")
    low, high = values["interval"][name]
    return Cell(f"{values[name]:.4f}", "" if low is None else f"{low:.4f} – {high:.4f}")
