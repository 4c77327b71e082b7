"""The dashboard as one page of HTML."""

from __future__ import annotations

from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

import jinja2

from pinsage.store.references import Reference
from tasks.commands.dashboard.cells import NOTHING, Cell, attempt, cell
from tasks.commands.dashboard.days import Calendar, DayRow, day_rows, headline, when
from tasks.commands.dashboard.publications import day_of, publications
from tasks.runtime.session import Session

PAGE_DAYS = 60
THREADS = 16  # reading is waiting for the disk or the bucket


@dataclass(frozen=True)
class Paging:
    """Where among all days a page is; pages are counted from 1, the newest days first."""

    number: int
    num_days: int

    @property
    def num_pages(self) -> int:
        """At least one."""
        return max(1, -(-self.num_days // PAGE_DAYS))

    @property
    def start(self) -> int:
        """The first day of the page, counted from 0."""
        return (self.number - 1) * PAGE_DAYS

    @property
    def stop(self) -> int:
        """Past its last day."""
        return min(self.start + PAGE_DAYS, self.num_days)


def dashboard_page(session: Session, now: datetime, number: int = 1) -> str:
    """Render the page.

    Args:
        session: Store and configuration.
        now: To reckon ages from, in UTC.
        number: Of the page; one beyond the last shows the last.
    """
    calendar = Calendar.of(session.store)
    days = calendar.all_days()
    paging = Paging(number, len(days))
    paging = Paging(min(max(number, 1), paging.num_pages), len(days))
    shown = days[paging.start : paging.stop]
    faults = list(calendar.faults)
    with ThreadPoolExecutor(THREADS) as threads:
        rows = _rows(session, shown, calendar, faults, threads)
    return _template().render(
        root=session.store.root,
        now=now.strftime("%Y-%m-%d %H:%M"),
        summary=_summary(session, calendar, now),
        rows=rows,
        paging=paging,
        faults=faults,
    )


def age(then: datetime, now: datetime) -> str:
    """How long ago, in the largest unit that says something."""
    minutes = max(0, int((now - then).total_seconds() // 60))
    if minutes < 120:
        return f"{minutes} min ago"
    hours = minutes // 60
    return f"{hours} h ago" if hours < 48 else f"{hours // 24} days ago"


def _rows(session: Session, days: list[str], calendar: Calendar, faults: list[str], threads: Executor) -> list[DayRow]:
    if not days:
        return []

    def unreadable(fault: str) -> dict[str, Reference]:
        faults.append(f"published: {fault}")
        return {}

    published = attempt(lambda: publications(session.store, days[-1], threads), unreadable)
    return day_rows(session, days, calendar, published, threads)


def _summary(session: Session, calendar: Calendar, now: datetime) -> dict[str, Cell]:
    deliveries = sorted({day for kind, days in calendar.days.items() if kind.startswith("raw/") for day in days})
    return {
        "Served": cell(lambda: _served(session, now)),
        "Champion": cell(lambda: _champion(session, now)),
        "Newest prepared day": _newest(calendar.days["prepared"]),
        "Newest delivery": _newest(deliveries),
    }


def _served(session: Session, now: datetime) -> Cell:
    head = session.store.ref("published").head()
    if head is None:
        return Cell("nothing yet")
    day = day_of(head)
    behind = (now.date() - date.fromisoformat(day)).days
    known = "1 day" if behind == 1 else f"{behind} days"
    facts = session.store.version(head.uri).facts
    size = f"{facts['num_indexed']:,} items" if "num_indexed" in facts else ""
    notes = [f"knows nothing of the last {known}" if behind > 0 else "up to today", _ago("published", head, now), size]
    return Cell(day, " · ".join(filter(None, notes)))


def _champion(session: Session, now: datetime) -> Cell:
    head = session.store.ref("champion").head()
    if head is None:
        return Cell("none yet")
    notes = [_ago("promoted", head, now)]
    evaluation = head.details.get("evaluation")
    if evaluation:
        metrics = session.store.version(str(evaluation)).json("metrics")
        notes += headline(metrics, session.config.promotion.metric)
    return Cell(f"model of {day_of(head)}", " · ".join(notes))


def _ago(verb: str, reference: Reference, now: datetime) -> str:
    return f"{verb} {age(datetime.fromisoformat(reference.recorded_at), now)} ({when(reference)} UTC)"


def _newest(days: list[str]) -> Cell:
    return Cell(days[-1], f"{len(days):,} in all, from {days[0]}") if days else NOTHING


def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("page.html.j2")
