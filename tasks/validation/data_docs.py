"""Data Docs of a day: what Great Expectations said of every partition that the day's catalog reads."""

from __future__ import annotations

import os
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd

from pinsage.store import Version
from schemas.rules import Rule
from tasks.session import Session

OF_CATALOG = "catalog.txt"  # which catalog the pages beside it are about, written last


def write_data_docs(session: Session, day: str, catalog: Version) -> str:
    """Build the pages below ``<root>/_site/data_docs/<day>``; partitions are rows, rules are expectations.

    Returns:
        Path of the index page, or its URL in a bucket.
    """
    os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
    import great_expectations as gx
    import great_expectations.expectations as gxe
    from great_expectations.core.run_identifier import RunIdentifier

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    # Pages are named after the run: with the day as its time, building them again replaces them.
    run = RunIdentifier(run_name=day, run_time=datetime.fromisoformat(day).replace(tzinfo=UTC))
    with tempfile.TemporaryDirectory(prefix="pinsage-docs-") as staged:
        context.add_data_docs_site(
            site_name="site",
            site_config={
                "class_name": "SiteBuilder",
                "site_index_builder": {"class_name": "DefaultSiteIndexBuilder"},
                "store_backend": {"class_name": "TupleFilesystemStoreBackend", "base_directory": staged},
            },
        )
        for table, uris in catalog.json("partitions").items():
            if not uris:
                continue
            frame, rules = _results([session.store.version(uri) for uri in uris])
            suite = context.suites.add(gx.ExpectationSuite(name=f"{table} up to {day}"))
            for rule in rules:
                suite.add_expectation(
                    gxe.ExpectColumnValuesToBeBetween(column=rule.measure, min_value=rule.low, max_value=rule.high)
                )
            batches = (
                context.data_sources.add_pandas(table)
                .add_dataframe_asset("partitions")
                .add_batch_definition_whole_dataframe("days")
            )
            definition = context.validation_definitions.add(
                gx.ValidationDefinition(name=f"{table} up to {day}", data=batches, suite=suite)
            )
            checkpoint = context.checkpoints.add(
                gx.Checkpoint(
                    name=table,
                    validation_definitions=[definition],
                    actions=[gx.checkpoint.UpdateDataDocsAction(name="docs", site_names=["site"])],
                )
            )
            checkpoint.run(batch_parameters={"dataframe": frame}, run_id=run)
        pages = {path.relative_to(staged).as_posix(): path for path in Path(staged).rglob("*") if path.is_file()}
        placed = {
            name: session.store.put_page(f"data_docs/{day}/{name}", path.read_bytes()) for name, path in pages.items()
        }
    session.store.put_page(f"data_docs/{day}/{OF_CATALOG}", catalog.uri.encode())
    return placed["index.html"]


def data_docs_catalog(session: Session, day: str) -> str | None:
    """URI of the catalog whose Data Docs the site has for a day; None where they are missing or half-written."""
    found = session.store.page(f"data_docs/{day}/{OF_CATALOG}")
    return None if found is None else found.decode()


def _results(versions: list[Version]) -> tuple[pd.DataFrame, list[Rule]]:
    """One row of measures per validated partition, and the rules that they were held against."""
    rows: list[dict[str, Any]] = []
    rules: dict[str, Rule] = {}
    for version in versions:
        results = version.json("results")
        rows.append({"day": version.partition, **{name: each["got"] for name, each in results.items()}})
        for name, each in results.items():
            rules[name] = Rule(name, "", *each["expected"])
    return pd.DataFrame(rows).astype(dict.fromkeys(rules, "float64")), list(rules.values())
