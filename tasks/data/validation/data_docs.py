"""Data Docs of a day: every rule and what Great Expectations said of the partitions that the day's catalog reads.

Great Expectations judges; the page is ours, because its own pages load scripts and styles from the internet and are
blank without it. The look is that of the report.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import pandas as pd
import pyarrow as pa

from pinsage.store import Version
from schemas import TABLES as SCHEMAS
from schemas.rules import Rule
from tasks.data.validation import reasons
from tasks.data.validation.expectations import judge
from tasks.data.validation.quarantine import quarantined_rows
from tasks.runtime.days import days_named
from tasks.runtime.pages.blocks import Block, Facts, Section, Table
from tasks.runtime.pages.render import render_plain_page
from tasks.runtime.session import Session
from tasks.runtime.terminal_text import one_line

OF_CATALOG = "about.txt"  # which catalog the page beside it is about, written last
# What the meaning of a rule does not depend on.
ANY_LIMITS = dict.fromkeys(
    (
        "max_board_share", "max_item_share", "min_volume_ratio", "max_volume_ratio", "accept_empty", "quarantined",
        "duplicate", "unknown_item", "no_board",
    ),
    0.0,
)  # fmt: skip
SHOWN_DAYS = 366
SHOWN_ROWS = 5  # of each reason
LEAD = (
    "What was delivered, the rules that Great Expectations held it against, and the rows that were set aside. A day "
    "that breaks a rule is not validated, and nothing reads it: the message of the run that refused it has the reasons."
)


def write_data_docs(session: Session, day: str, catalog: Version) -> str:
    """Write ``<root>/_site/data_docs/<day>/index.html``, one page that loads nothing.

    Returns:
        Path of the page, or its URL in a bucket.
    """
    tables = {
        table: [session.store.version(uri) for uri in uris]
        for table, uris in catalog.json("partitions").items()
        if uris
    }
    sections: list[Section] = []
    every_day: list[Section] = []
    for table, versions in tables.items():
        frame, rules = _results(table, versions)
        broken, _ = judge(table, rules, frame)
        sections.append(_summary(session, day, table, versions, frame, rules, broken))
        every_day.append(_days(table, versions, frame, rules, broken))
    page = render_plain_page(f"PinSage Data Docs {day}", f"Data Docs, {day}", LEAD, [*sections, *every_day])
    place = session.store.put_page(f"data_docs/{day}/index.html", page.encode())
    session.store.put_page(f"data_docs/{day}/{OF_CATALOG}", catalog.uri.encode())
    return place


def data_docs_catalog(session: Session, day: str) -> str | None:
    """URI of the catalog whose Data Docs the site has for a day; None where they are missing or half-written."""
    written = session.store.page(f"data_docs/{day}/{OF_CATALOG}")
    return None if written is None else written.decode()


def _results(table: str, versions: Sequence[Version]) -> tuple[pd.DataFrame, list[Rule]]:
    """One row of measures per validated partition, and the rules that they were held against."""
    meanings = {rule.measure: rule.meaning for rule in SCHEMAS[table].rules(ANY_LIMITS)}
    rows: list[dict[str, Any]] = []
    rules: dict[str, Rule] = {}
    for version in versions:
        results = version.json("results")
        rows.append({"day": version.partition, **{name: result["got"] for name, result in results.items()}})
        for name, result in results.items():
            rules[name] = Rule(name, meanings.get(name, ""), *result["expected"])
    return pd.DataFrame(rows).astype(dict.fromkeys(rules, "float64")), list(rules.values())


def _summary(
    session: Session,
    day: str,
    table: str,
    versions: Sequence[Version],
    frame: pd.DataFrame,
    rules: Sequence[Rule],
    broken: dict[str, list[str]],
) -> Section:
    """Counts, every rule with what it measured and its verdict, and the rows in quarantine by reason."""
    facts = Facts(
        [
            (f"{len(versions):,}", "days"),
            (f"{sum(version.facts['num_rows'] for version in versions):,}", "rows accepted"),
            (f"{sum(version.facts['num_quarantined'] for version in versions):,}", "rows in quarantine"),
            (f"{sum(map(bool, broken.values())):,}", "days that break a rule"),
        ]
    )
    newest = frame.iloc[-1]
    judged = [
        (
            rule.measure,
            _expected(rule),
            _got(newest[rule.measure]),
            _range(frame[rule.measure].min(), frame[rule.measure].max()),
            _verdict(rule, frame, broken),
            rule.meaning,
        )
        for rule in rules
    ]
    header = ["rule", "expected", f"got on {versions[-1].partition}", "got on all days", "verdict", "meaning"]
    blocks: list[Block] = [facts, Table(header, judged, words=True)]
    span = days_named([version.partition for version in versions])
    note = f"{span}. A measure that does not apply to a day is not judged."
    return Section(f"{table} up to {day}", note, [*blocks, *_quarantine(session, table, versions)])


def _quarantine(session: Session, table: str, versions: Sequence[Version]) -> Iterator[Table]:
    newest = versions[-SHOWN_DAYS:]
    rows = [(version.partition, quarantined_rows(session.store, version)) for version in reversed(newest)]
    faulty = [(day, part) for day, part in rows if part is not None]
    if not faulty:
        return
    meanings = SCHEMAS[table].reasons
    counts = sum((reasons.counted(part.column("reason")) for _, part in faulty), Counter[str]())
    counted = [(reason, f"{count:,}", meanings.get(reason, "")) for reason, count in counts.most_common()]
    yield Table(["reason", "rows", "meaning"], counted, f"In quarantine, newest {len(newest)} days", words=True)
    yield Table(["reason", "day", "row"], list(_samples(faulty)), "Some of these rows", words=True)


def _samples(faulty: Sequence[tuple[str, pa.Table]]) -> Iterator[tuple[str, str, str]]:
    shown: dict[str, int] = {}
    for day, rows in faulty:
        cells = rows.column("reason")
        for row, (reason, faults) in enumerate(zip(cells.to_pylist(), reasons.split(cells).to_pylist(), strict=True)):
            if any(shown.get(fault, 0) < SHOWN_ROWS for fault in faults):
                for fault in faults:
                    shown[fault] = shown.get(fault, 0) + 1
                (values,) = rows.slice(row, 1).drop_columns("reason").to_pylist()
                yield (
                    reason,
                    day,
                    ", ".join(
                        f"{name}: {'null' if value is None else one_line(value)}" for name, value in values.items()
                    ),
                )


def _days(
    table: str, versions: Sequence[Version], frame: pd.DataFrame, rules: Sequence[Rule], broken: dict[str, list[str]]
) -> Section:
    """A row for every day, newest first: rows, verdict and all measures."""
    rows = [
        (
            version.partition,
            f"{version.facts['num_rows']:,}",
            f"{version.facts['num_quarantined']:,}",
            f"breaks {', '.join(broken[version.partition])}" if broken[version.partition] else "passed",
            *(_got(measures[rule.measure]) for rule in rules),
        )
        for version, (_, measures) in zip(versions, frame.iterrows(), strict=True)
    ]
    header = ["day", "rows accepted", "in quarantine", "verdict", *(rule.measure for rule in rules)]
    shown = rows[: -SHOWN_DAYS - 1 : -1]
    note = f"The newest {len(shown):,} of {len(rows):,} days." if len(shown) < len(rows) else "Newest first."
    return Section(f"Every day of {table}", note, [Table(header, shown)])


def _verdict(rule: Rule, frame: pd.DataFrame, broken: dict[str, list[str]]) -> str:
    days = [day for day, measures in broken.items() if rule.measure in measures]
    if days:
        return f"broken: {days_named(days)}"
    judged = int(frame[rule.measure].notna().sum())
    return f"passed on {judged:,} of {len(frame):,} days" if judged else "does not apply"


def _expected(rule: Rule) -> str:
    if rule.low is None or rule.high is None:
        return f"at most {_got(rule.high)}" if rule.low is None else f"at least {_got(rule.low)}"
    return _range(rule.low, rule.high)


def _range(low: float, high: float) -> str:
    return _got(low) if low == high or math.isnan(low) else f"{_got(low)} to {_got(high)}"


def _got(value: float | None) -> str:
    return "-" if value is None or math.isnan(value) else f"{value:,.4g}"
