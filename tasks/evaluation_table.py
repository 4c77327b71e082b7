"""The evaluation of a day as people read it: one row per method."""

from __future__ import annotations

from typing import Any

from rich.table import Table

from pinsage.store import Version
from pinsage.store.digests import plain
from tasks.days import check_day
from tasks.session import Session


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


def evaluation_table(metrics: dict[str, Any]) -> Table:
    """PinSage and every baseline, with the pool's size; the best of each column is bold."""
    methods: dict[str, dict[str, Any]] = metrics["methods"]
    names = [name for name in methods["pinsage"] if name != "interval"]
    table = Table(title=f"{metrics['num_queries']:,} queries against {metrics['pool_size']:,} items")
    # Names may break between words: on 80 columns nothing is cut off.
    table.add_column("method")
    for name in names:
        table.add_column(name.replace("_", " "), justify="right")
    best = {name: max((each.get(name) or 0.0) for each in methods.values()) for name in names}
    for method, values in sorted(methods.items(), key=lambda each: (each[0] != "pinsage", each[0])):
        cells = []
        for name in names:
            value = values.get(name)
            shown = "-" if value is None else f"{value:.4f}"
            cells.append(f"[bold]{shown}[/]" if value is not None and value == best[name] else shown)
        table.add_row(method.replace("_", " "), *cells)
    return table


def evaluation_markdown(metrics: dict[str, Any]) -> str:
    """The same table as Markdown, for where a person is asked."""
    methods: dict[str, dict[str, Any]] = metrics["methods"]
    names = [name for name in methods["pinsage"] if name != "interval"]
    lines = [["method", *names], ["---"] * (len(names) + 1)]
    for method, values in sorted(methods.items(), key=lambda each: (each[0] != "pinsage", each[0])):
        lines.append([method, *("-" if values.get(name) is None else f"{values[name]:.4f}" for name in names)])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
