"""From which versions the index came, and how long each took."""

from __future__ import annotations

from pinsage.store import Version
from pinsage.store.names import split_uri
from tasks.report.sources import PARTITIONED, Sources
from tasks.runtime.pages.blocks import Section, Table


def lineage(sources: Sources) -> Section:
    """Every version behind the index and its evaluation, inputs first."""
    rows = [
        (
            version.manifest.dataset,
            version.partition,
            version.fingerprint[:12],
            version.manifest.code_version,
            _made_from(version),
        )
        for version in sources.lineage()
    ]
    header = ["dataset", "day", "version", "code", "made from"]
    return Section(
        "Lineage",
        "What each version was made from; a version is named by its fingerprint.",
        [Table(header, rows, words=True)],
    )


def timings(sources: Sources) -> Section:
    """Seconds and memory of the attempts that committed; no part of any version."""
    rows = [
        (
            version.manifest.dataset,
            version.partition,
            f"{version.measurements.get('seconds', 0):,.1f}",
            f"{version.measurements.get('peak_bytes', 0) / 2**20:,.0f}",
        )
        for version in sources.lineage()
    ]
    total = sum(version.measurements.get("seconds", 0) for version in sources.lineage())
    table = Table(["dataset", "day", "seconds", "peak MiB of the process"], rows)
    return Section("Timings", f"{total:,.0f} seconds in all, when each version was first made.", [table])


def _made_from(version: Version) -> str:
    uris = [split_uri(used.uri) for used in version.inputs]
    named = [f"{dataset} {partition}" for dataset, partition, _ in uris if not dataset.startswith(PARTITIONED)]
    partitions = len(uris) - len(named)
    return ", ".join([*named, *([f"{partitions:,} partitions"] if partitions else [])])
