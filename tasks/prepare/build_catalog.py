"""The catalog of a day: which validated partitions a run for that day reads; nothing later is in it."""

from __future__ import annotations

from collections.abc import Sequence

import structlog

from pinsage.store import Version, Writer
from tasks.data.deliveries import TABLES, Deliveries
from tasks.runtime.committing import commit_stage
from tasks.runtime.session import Session
from tasks.runtime.stages import BUILD_CATALOG

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
        NoDataError: No items or no saves were delivered up to the day.
        ValueError: Some partitions have times and some have none.
        ValidationMissingError: A partition in force is not validated yet.
    """
    deliveries = Deliveries(session)
    deliveries.require_for(day)
    delivered = {table: deliveries.days_for(table, day) for table in TABLES}
    versions = deliveries.require_all_validated(delivered, day)
    check_times([version for table in ("saves", "engagements") for version in versions[table]])
    flat = [version for found in versions.values() for version in found]

    def write(out: Writer) -> None:
        out.write_json("partitions", {table: [version.uri for version in found] for table, found in versions.items()})
        out.facts.update(
            timed=bool(versions["saves"][-1].facts["timed"]),
            id_type=str(versions["items"][-1].facts["id_type"]),
            num_days=len(delivered["saves"]),
            first_day=delivered["saves"][0],
            last_day=delivered["saves"][-1],
        )
        if any(version.facts.get("weighted") for version in versions["saves"]):
            out.facts.update(weighted=True)

    return commit_stage(session, BUILD_CATALOG, day, flat, write)


def check_times(partitions: Sequence[Version]) -> None:
    """Check that all partitions of saves and engagements have times, or none has; ingestion refuses a mixture.

    Raises:
        ValueError: Some have and some have not; the message names one of each.
    """
    example = {bool(version.facts["timed"]): version.uri for version in partitions}
    if len(example) > 1:
        raise ValueError(
            f"{example[True]} has times and {example[False]} has none: what is held out is told by the times, or by "
            "the split of untimed boards; ingest the one kind into a store of its own"
        )
