"""What went in: rows and faulty rows of the newest days."""

from __future__ import annotations

from collections import Counter

from pinsage.store import Version
from tasks.report.blocks import Block, Chart, Facts, Link, Section, Table
from tasks.report.charts import stacked
from tasks.report.sources import Sources

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
    reasons = _reasons(sources, [version for versions in newest.values() for version in versions])
    if reasons:
        blocks.append(Table(["reason of quarantine", "rows"], [(name, f"{count:,}") for name, count in reasons]))
    facts = sources.catalog.facts
    numbers = Facts(
        [
            (f"{facts['num_days']:,}", f"days of saves, {facts['first_day']} to {facts['last_day']}"),
            (f"{sources.graph.json('statistics').get('num_saves', 0):,}", "saves, all days"),
        ]
    )
    link = Link(f"../../data_docs/{sources.catalog.partition}/index.html", "Data Docs: every rule and what it measured")
    return Section(
        "What went in", "Rows that passed validation, and those that were set aside.", [numbers, *blocks, link]
    )


def _reasons(sources: Sources, validated: list[Version]) -> list[tuple[str, int]]:
    """Rows in quarantine by reason, most frequent first."""
    found: Counter[str] = Counter()
    for version in validated:
        if version.facts["num_quarantined"]:
            dataset = version.manifest.dataset.replace("validated/", "quarantine/")
            raw = {used.uri for used in version.inputs}
            for quarantine in sources.store.versions(dataset, version.partition):
                if raw & {used.uri for used in quarantine.inputs}:
                    table = quarantine.table(dataset.partition("/")[2], ["reason"])
                    found.update(table.column("reason").to_pylist())
    return found.most_common(10)
