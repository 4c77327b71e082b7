"""What is prepared for a day: the versions that training and publication of that day start from."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice

from pinsage.store import Version, Writer
from tasks.data.deliveries import TABLES, Deliveries, NoDataError
from tasks.runtime.committing import commit_stage
from tasks.runtime.days import add_days, check_day
from tasks.runtime.session import Session
from tasks.runtime.stages import RECORD_PREPARED

MAX_GROUPS = 8
MIN_GROUP_DAYS = 16  # below it, starting a task costs more than it does


class NotPreparedError(LookupError):
    """A day was asked for whose graph, features and neighborhoods were not made yet."""


@dataclass(frozen=True)
class Prepared:
    """Catalog, graph, features and neighborhoods as of one day."""

    day: str
    catalog: Version
    graph: Version
    features: Version
    neighborhoods: Version


def record_prepared(
    session: Session, day: str, catalog: Version, graph: Version, features: Version, neighborhoods: Version
) -> Version:
    """Commit which versions belong to ``day`` and point the reference ``prepared/<day>`` to them."""
    inputs = [catalog, graph, features, neighborhoods]

    def write(out: Writer) -> None:
        out.write_json("versions", {version.dataset: version.uri for version in inputs})

    version = commit_stage(session, RECORD_PREPARED, day, inputs, write)
    session.store.ref(f"prepared/{day}").point_to(version.uri)
    return version


def open_prepared(session: Session, day: str) -> Prepared:
    """Open what ``prepared/<day>`` points to.

    Raises:
        NotPreparedError: Nothing was prepared for the day; the message lists the days that are.
        NoDataError: Nothing could be: the day has no data.
        MissingPartitionError: It was not delivered yet.
    """
    version = session.store.referenced(f"prepared/{check_day(day)}")
    if version is None:
        known = session.store.ref_names("prepared")
        Deliveries(session).require_for(day)
        raise NotPreparedError(
            f"day {day} is not prepared; prepared days: {', '.join(known[-5:]) or 'none'}; "
            f"run `pinsage run prepare --day {day}` or trigger pinsage_prepare for it"
        )
    uris = version.json("versions")
    return Prepared(day=day, **{dataset: session.store.version(uri) for dataset, uri in uris.items()})


def as_of_day(session: Session, day: str) -> str:
    """The newest day that a model for ``day`` knows anything of, and that it is measured as of.

    Timed data: ``evaluation.holdout_days`` earlier, so that the pairs of the days after it are unseen. Untimed data:
    the day itself, whose boards are split.

    Raises:
        NoDataError: No items or saves were delivered up to the day, or none up to the day that it would train on.
    """
    deliveries = Deliveries(session)
    deliveries.require_for(check_day(day))
    if not deliveries.timed(day):
        return day
    holdout_days = session.config.evaluation.holdout_days
    as_of = add_days(day, -holdout_days)
    lacking = deliveries.lacking(as_of)
    if lacking is not None:
        raise NoDataError(
            f"day {day}: its model would learn from what was known {holdout_days} days earlier "
            f"(evaluation.holdout_days), on {as_of}: {lacking}; {deliveries.advice()}"
        )
    return as_of


def graph_day(session: Session, as_of: str, deliveries: Deliveries | None = None) -> str:
    """The day whose graph, features and neighborhoods a model trains on that knows the pairs up to ``as_of``.

    Timed data: ``pairs.graph_lag_days`` earlier, or as much as leaves the graph half of the days with saves that the
    as-of day has. A graph that knows the pairs it is trained on already shows two items of each on one board; of
    tomorrow's pairs none will. Untimed data: the day itself. Days are read from ``deliveries`` where these are given.
    """
    deliveries = deliveries or Deliveries(session)
    if not deliveries.timed(as_of):
        return as_of
    lag, first = session.config.pairs.graph_lag_days, deliveries.days("items")[0]
    known = (day for day in reversed(deliveries.days_for("saves", as_of)) if day >= first)
    filled = (day for day in known if deliveries.raw("saves", day).facts["num_rows"])
    days = sorted(islice(filled, 2 * lag + 2))  # more of them change nothing
    return max(add_days(as_of, -lag), days[len(days) // 2]) if days else as_of


def days_to_prepare(session: Session, day: str, deliveries: Deliveries | None = None) -> list[str]:
    """The days that a model for ``day`` trains on, is measured as of and is for, in order, each once."""
    as_of = as_of_day(session, day)
    return sorted({graph_day(session, as_of, deliveries), as_of, day})


def days_to_validate(session: Session, day: str) -> list[list[str]]:
    """Group the delivered, not yet validated days that a run for ``day`` reads; at most `MAX_GROUPS` groups."""
    deliveries = Deliveries(session)
    missing = sorted(
        {
            known
            for table in TABLES
            for known in deliveries.days_for(table, day)
            if deliveries.validated(table, known) is None
        }
    )
    size = max(MIN_GROUP_DAYS, -(-len(missing) // MAX_GROUPS))
    return [missing[start : start + size] for start in range(0, len(missing), size)]
