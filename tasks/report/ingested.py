"""What went in: rows and faulty rows of the newest days."""

from __future__ import annotations

from collections import Counter

from pinsage.store import Store, Version
from schemas import TABLES
from tasks.data.validation import reasons
from tasks.data.validation.quarantine import quarantined_rows
from tasks.report.sources import Sources
from tasks.runtime.pages.blocks import Block, Chart, Facts, Link, Section, Table
from tasks.runtime.pages.charts import stacked

SHOWN_DAYS = 28


def ingested(sources: Sources) -> Section:
    """Counts of the catalog's newest days, how many rows are in quarantine and why, and the link to the Data Docs."""
    partitions = sources.catalog.json("partitions")
    newest = {table: [sources.store.version(uri) for uri in uris[-SHOWN_DAYS:]] for table, uris in partitions.items()}
    rows = [
        {"day": version.partition[5:], "rows": version.facts[count], "kind": kind}
        for version in newest["saves"]
        for kind, count in (("accepted", "num_rows"), ("in quarantine", "num_quarantined"))
    ]
    counts = [
        (
            table,
            len(partitions[table]),
            f"{sum(version.facts['num_rows'] for version in versions):,}",
            f"{sum(version.facts['num_quarantined'] for version in versions):,}",
        )
        for table, versions in newest.items()
        if versions
    ]
    blocks: list[Block] = [
        Chart(stacked(rows, "day", "rows", "kind", "day"), f"Saves of the newest {len(newest['saves'])} days."),
        Table(["table", "days in the catalog", f"rows, newest {SHOWN_DAYS} days", "in quarantine"], counts),
    ]
    counted = quarantine_counts(sources.store, [version for versions in newest.values() for version in versions])
    if counted:
        blocks.append(
            Table(
                [f"reason of quarantine, newest {SHOWN_DAYS} days", "rows"],
                [(name, f"{count:,}") for name, count in counted],
            )
        )
    facts = sources.catalog.facts
    numbers = Facts(
        [
            (f"{facts['num_days']:,}", f"days of saves, {facts['first_day']} to {facts['last_day']}"),
            (f"{sources.graph.json('statistics').get('num_saves', 0):,}", "saves, all days"),
        ]
    )
    link = Link(f"../../data_docs/{sources.catalog.partition}/index.html", "Data Docs: every rule and what it measured")
    return Section(
        "What went in",
        "Rows that passed validation, and those that were set aside as faulty (quarantine).",
        [numbers, *blocks, link],
    )


def quarantine_counts(store: Store, validated: list[Version]) -> list[tuple[str, int]]:
    """Rows in quarantine by reason, most frequent first; a row with several counts for each."""
    counts: Counter[str] = Counter()
    for version in validated:
        rows = quarantined_rows(store, version, ["reason"])
        if rows is not None:
            table = version.dataset.partition("/")[2]
            for reason, count in reasons.counted(rows.column("reason")).items():
                counts[f"{table}: {TABLES[table].reasons.get(reason, reason)}"] += count
    return counts.most_common(10)
