"""The rows of the dashboard, one per day, newest first."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial
from typing import Any

from pinsage.store import Store, Version
from pinsage.store.references import Reference
from tasks.commands.dashboard.cells import NOTHING, Cell, attempt, cell
from tasks.data.deliveries import TABLES
from tasks.evaluate.evaluation_table import metric_name
from tasks.runtime.days import is_day
from tasks.runtime.session import Session

PAGES = {"reports": "Report", "data_docs": "Data Docs"}


@dataclass(frozen=True)
class DayRow:
    """What there is of one day.

    Args:
        day: ``YYYY-MM-DD``.
        delivered: Rows of each raw table.
        prepared: Size of the day's graph.
        trained: Models that were trained for it.
        quality: Metrics of the model.
        published: When its index was.
        pages: Title -> address below the site.
    """

    day: str
    delivered: Cell
    prepared: Cell
    trained: Cell
    quality: Cell
    published: Cell
    pages: Mapping[str, str]


@dataclass(frozen=True)
class Calendar:
    """Which days there are of each kind, by listing names alone.

    Args:
        days: Kind -> days, ascending: ``raw/<table>``, ``prepared``, ``model``, ``evaluation``, ``reports``,
            ``data_docs``.
        faults: What could not be listed, and why.
    """

    days: Mapping[str, list[str]]
    faults: list[str]

    @classmethod
    def of(cls, store: Store) -> Calendar:
        """List what ``store`` has."""
        listings: dict[str, Callable[[], list[str]]] = {
            **{f"raw/{table}": partial(store.ref_names, f"raw/{table}") for table in TABLES},
            "prepared": partial(store.ref_names, "prepared"),
            **{dataset: partial(store.objects.children, dataset) for dataset in ("model", "evaluation")},
            **{kind: partial(store.page_folders, kind) for kind in PAGES},
        }
        days: dict[str, list[str]] = {}
        faults: list[str] = []
        for kind, listing in listings.items():

            def unlisted(fault: str, kind: str = kind) -> list[str]:
                faults.append(f"{kind}: {fault}")
                return []

            days[kind] = sorted(filter(is_day, attempt(listing, unlisted)))
        return cls(days, faults)

    def all_days(self) -> list[str]:
        """Every day of any kind, newest first."""
        return sorted(set().union(*self.days.values()), reverse=True)


def day_rows(
    session: Session,
    days: list[str],
    calendar: Calendar,
    published: Mapping[str, Reference],
    threads: Executor,
) -> list[DayRow]:
    """The rows of ``days``, read side by side."""
    known = {kind: set(names) for kind, names in calendar.days.items()}
    served = attempt(session.store.ref("published").head, lambda fault: None)
    champion = attempt(session.store.ref("champion").head, lambda fault: None)

    def row(day: str) -> DayRow:
        entry = published.get(day)
        return DayRow(
            day=day,
            delivered=cell(lambda: _delivered(session.store, day, known)),
            prepared=cell(lambda: _prepared(session.store, day)) if day in known["prepared"] else NOTHING,
            trained=cell(lambda: _trained(session.store, day, champion)) if day in known["model"] else NOTHING,
            quality=cell(lambda: _quality(session, day, champion)) if day in known["evaluation"] else NOTHING,
            published=_published(entry, served) if entry else NOTHING,
            pages={title: f"{kind}/{day}/index.html" for kind, title in PAGES.items() if day in known[kind]},
        )

    return list(threads.map(row, days))


def when(reference: Reference) -> str:
    """The time of a reference as people read it, to the minute, in UTC."""
    return reference.recorded_at[:16].replace("T", " ")


def headline(metrics: Mapping[str, Any], metric: str) -> list[str]:
    """The metric that decides on promotion, and the MRR."""
    values = metrics["methods"]["pinsage"]
    names = dict.fromkeys((metric, "mrr"))
    return [
        f"{metric_name(name, metrics['reciprocal_scale'])} {values[name]:.3f}"
        for name in names
        if values.get(name) is not None
    ]


def _delivered(store: Store, day: str, known: Mapping[str, set[str]]) -> Cell:
    rows = []
    for table in TABLES:
        if day not in known[f"raw/{table}"]:
            continue
        version = store.referenced(f"raw/{table}/{day}")
        if version is not None:
            rows.append(f"{version.facts['num_rows']:,} {table}")
    return Cell(", ".join(rows))


def _prepared(store: Store, day: str) -> Cell:
    head, version = store.ref(f"prepared/{day}").head(), store.referenced(f"prepared/{day}")
    if head is None or version is None:
        return NOTHING
    facts = store.version(version.json("versions")["graph"]).facts
    return Cell(f"{facts['num_items']:,} items on {facts['num_boards']:,} boards", when(head))


def _trained(store: Store, day: str, champion: Reference | None) -> Cell:
    fingerprints = store.fingerprints("model", day)
    if not fingerprints:
        return NOTHING
    text = "1 model" if len(fingerprints) == 1 else f"{len(fingerprints)} models"
    chosen = champion is not None and champion.uri in {f"model/{day}/{name}" for name in fingerprints}
    return Cell(text, "champion" if chosen else "", "good" if chosen else "")


def _quality(session: Session, day: str, champion: Reference | None) -> Cell:
    """Of the evaluation that made the champion, if it is of this day, otherwise of one of the day's own models."""
    promoted = champion.details.get("evaluation") if champion is not None else None
    versions = session.store.versions("evaluation", day)
    if not versions:
        return NOTHING

    def preference(version: Version) -> tuple[bool, bool, str]:
        own = any(used.uri.startswith(f"model/{day}/") for used in version.inputs)
        return version.uri == promoted, own, version.fingerprint

    metrics = max(versions, key=preference).json("metrics")
    first, *others = headline(metrics, session.config.promotion.metric) or ["not measured"]
    return Cell(first, " · ".join(others))


def _published(entry: Reference, served: Reference | None) -> Cell:
    if served is not None and served.number == entry.number:
        return Cell("served", when(entry), "good")
    return Cell("published", when(entry))
