"""The evaluation of a day as people read it: one row per method."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from rich.table import Table

from pinsage.store import Version
from pinsage.store.digests import plain
from tasks.runtime.days import check_day
from tasks.runtime.session import Session

OURS = "PinSage"
# Methods as people call them, and what they do.
METHODS = {
    "pinsage": (OURS, "the model: nearest by its embeddings, with its popularity term"),
    "likeness": (
        "PinSage, likeness alone",
        "the same without the popularity term, as recommendations ask unless told otherwise",
    ),
    "pagerank": ("PageRank", "walks that return to the item asked about, some steps far, computed exactly"),
    "popularity": ("popularity", "the items on most boards, the same for every query"),
    "item_knn": ("item-kNN", "items that share most boards with the item asked about"),
    "random_walk": ("random walk", "the item's neighborhood, most visited first; only as long as the neighborhood is"),
    "matrix_factorisation": ("matrix factorisation", "factors of items and boards, learned from the saves alone"),
    "content": ("content", "cosine of the items' own features, no saves"),
}


def metrics_of_day(session: Session, day: str) -> dict[str, Any]:
    """The metrics of a model of ``day``: of the champion, as it was promoted, before others; of the settings given.

    Raises:
        LookupError: Nothing was evaluated for the day; the message lists the days that were.
    """
    versions = session.store.versions("evaluation", check_day(day))
    if not versions:
        known = session.store.partitions("evaluation")
        raise LookupError(f"day {day} has no evaluation; evaluated days: {', '.join(known) or 'none'}")
    head = session.store.ref("champion").head()
    settings = plain(session.config.evaluation.measurable)

    def preference(version: Version) -> tuple[bool, bool, bool, bool, str]:
        model = session.store.input_of(version, "model")
        return (
            model.partition == day,  # an old champion is measured again beside every challenger
            head is not None and model.uri == head.uri,
            head is not None and head.details.get("evaluation") == version.uri,
            version.manifest.config == settings,
            version.fingerprint,
        )

    chosen = max(versions, key=preference)
    metrics: dict[str, Any] = chosen.json("metrics")
    return {"version": chosen.uri, **metrics}


@dataclass(frozen=True)
class Headline:
    """How good a model is in one line: its hit-rate at the largest rank that tells, and the best other method's."""

    metric: str
    ours: float
    best: str | None
    other: float
    num_queries: int
    pool_size: int

    def __str__(self) -> str:
        """In words."""
        beside = f", the best other method ({self.best}) {self.other:.3f}" if self.best else ""
        return f"{self.metric} {self.ours:.3f}{beside}; {self.num_queries:,} pairs among {self.pool_size:,} items"


def headline(metrics: dict[str, Any]) -> Headline | None:
    """The headline of an evaluation; None where no pair was held out."""
    methods = metrics["methods"]
    names = sorted((metric for metric in methods["pinsage"] if metric.startswith("hit_rate@")), key=_rank)
    # Among the whole catalogue everything is found, and among most of a small one nearly every method finds everything.
    name = next((name for name in reversed(names) if _tells(name, metrics)), names[0])
    if methods["pinsage"][name] is None:
        return None
    others = {method: values[name] for method, values in methods.items() if method != "pinsage" and values[name]}
    best = max(others, key=others.__getitem__, default=None)
    return Headline(
        metric_name(name, metrics["reciprocal_scale"]),
        methods["pinsage"][name],
        None if best is None else METHODS[best][0],
        0.0 if best is None else others[best],
        metrics["num_queries"],
        metrics["pool_size"],
    )


def _tells(name: str, metrics: dict[str, Any]) -> bool:
    methods = metrics["methods"]
    everything = [method for method, values in methods.items() if values[name] == 1]
    return _rank(name) < metrics["pool_size"] and not ("pinsage" in everything and len(everything) > 1)


def _rank(name: str) -> int:
    return int(name.partition("@")[2])


def evaluation_table(metrics: dict[str, Any]) -> Table:
    """PinSage and every baseline, with the pool's size; the best of each column is bold."""
    header, rows = _cells(metrics)
    table = Table(title=f"{metrics['num_queries']:,} queries against {metrics['pool_size']:,} items")
    for number, name in enumerate(header):
        # A space to break at: on 80 columns nothing is cut off.
        table.add_column(name.replace("@", " @"), justify="right" if number else "left", no_wrap=number == 0)
    best = [max(column) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = [
            f"[bold]{cell}[/]" if cell == top and cell != "-" else cell for cell, top in zip(row, best, strict=True)
        ]
        table.add_row(row[0], *cells[1:])
    return table


def evaluation_markdown(metrics: dict[str, Any]) -> str:
    """The same table as Markdown, for where a person is asked."""
    header, rows = _cells(metrics)
    return "\n".join(f"| {' | '.join(line)} |" for line in [header, ["---"] * len(header), *rows])


def metric_name(name: str, reciprocal_scale: int) -> str:
    """A metric as people write it: hit_rate@50 -> hit-rate@50."""
    return {"mrr": "MRR", "mrr_scaled": f"MRR, scaled by {reciprocal_scale}"}.get(name, name.replace("_", "-"))


def _cells(metrics: dict[str, Any]) -> tuple[list[str], list[list[str]]]:
    """Header, and a row for every method in the order of `METHODS`, to three digits."""
    methods: dict[str, dict[str, Any]] = metrics["methods"]
    names = [name for name in methods["pinsage"] if name != "interval"]
    alone = metrics["without_popularity"]["all"]
    if any(alone[name] != methods["pinsage"][name] for name in names):
        methods = {**methods, "likeness": alone}
    rows = [
        [
            METHODS[method][0],
            *("-" if (value := methods[method].get(name)) is None else f"{value:.3f}" for name in names),
        ]
        for method in METHODS
        if method in methods
    ]
    return ["method", *(metric_name(name, metrics["reciprocal_scale"]) for name in names)], rows
