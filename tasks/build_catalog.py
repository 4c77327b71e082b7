"""The catalog of a day: which validated partitions a run for that day reads; nothing later is in it."""

from __future__ import annotations

import structlog

from pinsage.store import Version
from tasks.deliveries import TABLES, Deliveries
from tasks.session import Session

CODE_VERSION = 1

log = structlog.get_logger()


def build_catalog(session: Session, day: str) -> Version:
    """Pin the validated partitions that the graph of ``day`` is made from.

    Args:
        session: Store and configuration (``graph.lookback_days``).
        day: As-of day, inclusive.

    Returns:
        The committed version of ``catalog``: json ``partitions`` with the URIs of ``items`` (all days up to ``day``),
        ``saves`` and ``engagements`` (days within the lookback), ascending by day.

    Raises:
        ValueError: No items or no saves were delivered up to the day.
        ValidationMissingError: A partition in force is not validated yet.
    """
    store = session.store
    deliveries = Deliveries(session)
    delivered = {table: deliveries.days_for(table, day) for table in TABLES}
    for table in ("items", "saves"):
        if not delivered[table]:
            known = deliveries.days(table)
            span = f"from {known[0]} to {known[-1]}" if known else "none at all"
            raise ValueError(
                f"day {day}: no raw/{table} within the lookback of {session.config.graph.lookback_days} days; "
                f"delivered days: {span}; ingest data or choose another day"
            )
    versions = {
        table: [deliveries.require_validated(table, known) for known in days] for table, days in delivered.items()
    }
    flat = [version for found in versions.values() for version in found]
    settings = session.config.graph.of_catalog
    with store.write("catalog", partition=day, inputs=flat, config=settings, code_version=CODE_VERSION) as out:
        if out.is_committed:
            return out.version
        out.write_json("partitions", {table: [version.uri for version in found] for table, found in versions.items()})
        out.facts.update(
            timed=bool(versions["saves"][-1].facts["timed"]),
            id_type=str(versions["items"][-1].facts["id_type"]),
            num_days=len(delivered["saves"]),
            first_day=delivered["saves"][0],
            last_day=delivered["saves"][-1],
        )
    log.info("build_catalog", version=out.version.uri, partitions=len(flat))
    return out.version
