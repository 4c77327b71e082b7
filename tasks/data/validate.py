"""The stage that checks every raw partition before anything else reads it.

Arrow kernels find faulty rows (`validation/row_faults.py`) and take the measures of a day; Great Expectations judges
the measures (`validation/expectations.py`) by the rules of `schemas`. Faulty rows go to ``quarantine`` with their
reasons; a day whose measures are out of range is not validated, and nothing downstream can run for it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import structlog

from pinsage.store import Version
from schemas import TABLES as SCHEMAS
from schemas.columns import VECTOR, id_type
from schemas.rules import LIMITED_APART, Rule
from tasks.data.deliveries import COMMIT_THREADS, Deliveries
from tasks.data.validation import reasons
from tasks.data.validation.expectations import judge
from tasks.data.validation.row_faults import Faults, clean_vectors, common_width, row_faults
from tasks.runtime.session import Session

HELD_BYTES = 256 * 2**20
SHOWN_FAILURES = 3
SHOWN_EXAMPLES = 5

log = structlog.get_logger()


class ValidationFailedError(ValueError):
    """Partitions broke rules; they are not validated, the others of the call are."""


@dataclass(frozen=True)
class _Checked:
    day: str
    raw: Version
    measures: dict[str, Any]
    clean: pa.Table
    quarantined: pa.Table
    widths: dict[str, int]
    notes: dict[str, list[str]]


def validate_days(session: Session, days: Sequence[str]) -> None:
    """Validate every table delivered on ``days``, and the items of every earlier day.

    Raises:
        NoDataError: No items were delivered up to the last of the days.
        ValidationFailedError: A day broke a rule; the message names rule, count and sample rows.
    """
    last = max(days)
    deliveries = Deliveries(session)
    items = [day for day in deliveries.days("items") if day <= last]
    if not items:
        deliveries.require_for(last)  # every save would be of an unknown item
    # The first delivery sets the widths of vectors, so it is judged before the others.
    for wanted in (items[:1], items[1:]):
        _validate_table(session, deliveries, "items", wanted)
    deliveries.record_known_items(last)
    for table in ("saves", "engagements"):
        _validate_table(session, deliveries, table, [day for day in deliveries.days(table) if day in set(days)])


def _validate_table(session: Session, deliveries: Deliveries, table: str, days: Sequence[str]) -> None:
    """Validate the raw partitions in force of one table; days that are validated already cost a look."""
    waiting: list[_Checked] = []
    known = _KnownItems(deliveries)
    for day in days:
        if deliveries.validated(table, day) is not None:
            continue
        waiting.append(_check(session, deliveries, table, day, known))
        if sum(each.clean.nbytes for each in waiting) >= HELD_BYTES:
            _judge_and_commit(session, deliveries, table, waiting)
            waiting = []
    _judge_and_commit(session, deliveries, table, waiting)


class _KnownItems:
    """Ids of the validated items up to a day; days are asked in ascending order, so each is read once."""

    def __init__(self, deliveries: Deliveries) -> None:
        self._deliveries = deliveries
        self._days: list[str] = []
        self._ids: list[pa.Array] = []

    def up_to(self, day: str, id_type: pa.DataType) -> pa.ChunkedArray:
        for known in self._deliveries.days("items"):
            if known <= day and known not in self._days:
                version = self._deliveries.require_validated("items", known)
                self._ids.extend(version.table("items", ["item_id"]).column("item_id").chunks)
                self._days.append(known)
        return pa.chunked_array(self._ids, id_type)


def _check(session: Session, deliveries: Deliveries, table: str, day: str, known_items: _KnownItems) -> _Checked:
    config, schema = session.config.validation, SCHEMAS[table]
    raw = deliveries.raw(table, day)
    rows = raw.table(table)
    expected = schema.columns(id_type(raw.facts["id_type"]), id_type(raw.facts["board_id_type"]))
    notes = {"num_schema_faults": _schema_faults(rows.schema, expected, schema.optional)}
    measures: dict[str, Any] = {"day": day, "num_rows": rows.num_rows}
    measures["num_schema_faults"] = len(notes["num_schema_faults"])
    if notes["num_schema_faults"]:
        return _Checked(day, raw, measures, rows.slice(0, 0), rows.slice(0, 0), {}, notes)
    widths: dict[str, int] = {}
    if table == "items":
        widths, drift = _features_against_first(deliveries, day, rows)
        notes.update(drift)
        measures.update({measure: len(found) for measure, found in drift.items()})
    known = None if table == "items" else known_items.up_to(day, expected.field("item_id").type)
    first_items = deliveries.days("items")[0]
    if day < first_items:
        notes["share_unknown_item"] = [
            f"items are known from {first_items} on; if they were there before, ingest them again with --day {day}"
        ]
    faults = row_faults(rows, schema, day, bool(raw.facts["timed"]), known, widths, config)
    denominator = max(rows.num_rows, config.min_share_rows)
    measures.update({f"share_{reason}": float(mask.sum()) / denominator for reason, mask in faults.masks.items()})
    faulty = faults.any(reason for reason in faults.masks if reason not in LIMITED_APART)
    measures["share_quarantined"] = float(faulty.sum()) / denominator
    measures.update(_volume(deliveries.trailing_median(table, day), raw, config, rows))
    dropped = faults.any()
    quarantined = _with_reasons(rows.filter(pa.array(dropped)), faults, np.flatnonzero(dropped))
    clean = clean_vectors(rows.filter(pa.array(~dropped)), widths, config)
    return _Checked(day, raw, measures, clean, quarantined, widths, notes)


def _with_reasons(quarantined: pa.Table, faults: Faults, rows: np.ndarray) -> pa.Table:
    """Why rows are in quarantine, in which columns, and which rows of the delivered day they are, counted from 1."""
    return (
        quarantined.append_column("reason", reasons.joined(faults.masks, rows))
        .append_column("faulty_column", reasons.joined(faults.columns, rows))
        .append_column("row", pa.array(rows + 1, pa.int64()))
    )


def _schema_faults(got: pa.Schema, expected: pa.Schema, optional: pa.Schema) -> list[str]:
    faults = []
    for field in [*expected, *(field for field in optional if field.name in got.names)]:
        if field.name not in got.names:
            faults.append(f"column {field.name} is missing, expected {field.type}")
        elif got.field(field.name).type != field.type:
            faults.append(f"column {field.name} is {got.field(field.name).type}, expected {field.type}")
    return faults


def _features_against_first(
    deliveries: Deliveries, day: str, rows: pa.Table
) -> tuple[dict[str, int], dict[str, list[str]]]:
    """Widths of the vector columns, and how the features differ from those of the first delivery."""
    first = deliveries.days("items")[0]
    stated, names = {}, []
    if day != first:
        version = deliveries.require_validated("items", first)
        stated, names = version.facts["widths"], pq.read_schema(version.path("items")).names
    widths = {
        name.removeprefix(VECTOR): common_width(rows.column(name)) or stated.get(name.removeprefix(VECTOR)) or 1
        for name in sorted(rows.column_names)
        if name.startswith(VECTOR)
    }
    changed = [
        f"column {VECTOR}{name} has width {width}, expected {stated[name]} as on {first}"
        for name, width in widths.items()
        if stated.get(name, width) != width
    ]
    if day == first:
        changed += [
            f"column {VECTOR}{name} holds no vector, expected some: the first delivery sets the width; "
            "leave the column out, or deliver items that have vectors first"
            for name in widths
            if not common_width(rows.column(VECTOR + name))
        ]
    missing = [f"column {name} is missing, expected as on {first}" for name in names if name not in rows.column_names]
    return widths, {"num_width_changes": changed, "num_missing_features": missing}


def _volume(trailing: float | None, raw: Version, config: Any, rows: pa.Table) -> dict[str, float]:
    """Ratio to the trailing median and largest shares of a board and an item; NaN where they are not judged."""
    judged = trailing is not None and trailing >= config.volume_min_median and rows.num_rows > 0 and raw.facts["timed"]
    measures = {"volume_ratio": rows.num_rows / trailing if judged else float("nan")}
    for name, measure in (("board_id", "max_board_share"), ("item_id", "max_item_share")):
        measures[measure] = float("nan")
        if name in rows.column_names and rows.num_rows:
            most = max(pc.value_counts(rows.column(name).drop_null()).field("counts").to_pylist(), default=0)
            if most >= config.degree_min_saves:
                measures[measure] = most / rows.num_rows
    return measures


def _judge_and_commit(session: Session, deliveries: Deliveries, table: str, checked: list[_Checked]) -> None:
    if not checked:
        return
    config, schema = session.config.validation, SCHEMAS[table]
    limits = {
        **config.model_dump(include={"max_board_share", "max_item_share", "min_volume_ratio", "max_volume_ratio"}),
        "accept_empty": config.accept_empty,
        "quarantined": config.max_quarantine_share,
        **{reason: getattr(config, f"max_{reason}_share") for reason in LIMITED_APART},
    }
    rules = schema.rules(limits)
    frame = pd.DataFrame([each.measures for each in checked])
    for rule in rules:
        if rule.measure not in frame:
            frame[rule.measure] = float("nan")  # measures behind a schema fault were not taken
    broken, _ = judge(table, rules, frame)
    passed = [(each, deliveries.validation_of(table, each.day)) for each in checked if not broken[each.day]]
    bounds = {rule.measure: [rule.low, rule.high] for rule in rules}
    with ThreadPoolExecutor(COMMIT_THREADS) as pool:
        list(pool.map(lambda made: _commit(session, table, made[0], made[1], bounds), passed))
    _warn(table, [each for each, _ in passed], config.odd_volume_factor)
    failed = {each.day: [rule for rule in rules if rule.measure in broken[each.day]] for each in checked}
    failures = [_failure(table, each, failed[each.day], config) for each in checked if failed[each.day]]
    if failures:
        page = session.store.put_page(f"validation/{table}/{checked[0].day}.txt", "\n".join(failures).encode())
        raise ValidationFailedError(
            f"{len(failures)} of {len(checked)} partitions of raw/{table} failed validation; "
            "nothing downstream reads them:\n"
            + "\n".join(failures[:SHOWN_FAILURES])
            + _others({day: broke for day, broke in failed.items() if broke}, page)
        )


def _others(failed: dict[str, list[Rule]], page: str) -> str:
    """What is left to say of the days that are not shown whole, a line for each rule."""
    others = list(failed)[SHOWN_FAILURES:]
    if not others:
        return ""
    days: dict[str, list[str]] = {}
    for day in others:
        for rule in failed[day]:
            days.setdefault(rule.measure, []).append(day)
    lines = [f"  {measure}: {len(found)} days, {found[0]} to {found[-1]}" for measure, found in days.items()]
    return "\n".join([f"\nand {len(others)} days more, {others[0]} to {others[-1]}; all of them in {page}", *lines])


def _commit(
    session: Session,
    table: str,
    each: _Checked,
    arguments: dict[str, Any] | None,
    limits: dict[str, list[float | None]],
) -> None:
    assert arguments is not None, "what it is held against is validated"
    if each.quarantined.num_rows:
        with session.store.write(f"quarantine/{table}", **arguments) as out:
            if not out.is_committed:
                out.write_table(table, each.quarantined)
                out.facts.update(num_rows=each.quarantined.num_rows)
    with session.store.write(f"validated/{table}", **arguments) as out:
        if out.is_committed:
            return
        out.write_table(table, each.clean)
        out.write_json(
            "results",
            {
                measure: {
                    "got": None if np.isnan(each.measures.get(measure, np.nan)) else each.measures[measure],
                    "expected": bounds,
                }
                for measure, bounds in limits.items()
            },
        )
        out.facts.update(
            num_rows=each.clean.num_rows,
            num_quarantined=each.quarantined.num_rows,
            timed=each.raw.facts["timed"],
            id_type=each.raw.facts["id_type"],
            widths=each.widths,
        )
        if "weight" in each.clean.column_names:
            out.facts.update(weighted=True)


def _warn(table: str, accepted: list[_Checked], factor: float) -> None:
    """Log what is odd and was accepted all the same."""
    judged = accepted if table != "items" else []  # the number of new items varies too much
    for each in judged:
        ratio = each.measures["volume_ratio"]
        if ratio > factor or ratio < 1 / factor:
            log.warning(
                "validate: an odd number of rows, accepted", table=table, day=each.day,
                rows=each.measures["num_rows"], of_trailing_median=round(ratio, 4),
            )  # fmt: skip
    rows = sum(each.quarantined.num_rows for each in accepted)
    if rows:
        counts = sum((reasons.counted(each.quarantined.column("reason")) for each in accepted), Counter[str]())
        log.warning(
            "validate: rows in quarantine", table=table, rows=rows, reasons=dict(counts.most_common()),
            examples=_examples(accepted),
        )  # fmt: skip
    empty = [each.day for each in accepted if not each.clean.num_rows]
    if empty:
        log.warning("validate: no rows, accepted", table=table, days=len(empty), first=empty[0], last=empty[-1])


def _examples(accepted: list[_Checked]) -> list[str]:
    """A row in quarantine for each combination of reasons."""
    examples: dict[str, str] = {}
    for each in accepted:
        cells = each.quarantined.column("reason")
        for cell in pc.unique(cells):
            row = each.quarantined.slice(pc.index(cells, cell).as_py(), 1).to_pylist()[0]
            column = f" ({row['faulty_column']})" if row["faulty_column"] else ""
            examples.setdefault(row["reason"], f"{each.day} row {row['row']}: {row['reason']}{column}")
    return list(examples.values())[:SHOWN_EXAMPLES]


def _shortened(row: dict[str, Any], width: int = 80) -> dict[str, Any]:
    """A row for a message: ids of 4 KB and vectors of 4,096 numbers are cut, times are ISO 8601."""
    legible = {name: value.isoformat() if isinstance(value, datetime) else value for name, value in row.items()}
    return {
        name: value if len(repr(value)) <= width or name == "reason" else f"{repr(value)[:width]}..."
        for name, value in legible.items()
        if value is not None or name.endswith("_id")
    }


def _failure(table: str, each: _Checked, rules: list[Rule], config: Any) -> str:
    lines = [f"raw/{table} {each.day} ({each.measures['num_rows']} rows, {each.raw.uri}):"]
    for rule in rules:
        got, reason = each.measures[rule.measure], rule.measure.removeprefix("share_")
        shown = each.quarantined
        if "reason" in shown.column_names:
            whole = [each for each in SCHEMAS[table].reasons if each not in LIMITED_APART]
            counted = whole if reason == "quarantined" else [reason]
            shown = shown.filter(reasons.having(shown.column("reason"), counted))
        count = f" ({shown.num_rows} rows)" if rule.measure.startswith("share_") else ""
        limit = f"; limit: validation.{rule.settings}" if rule.settings else ""
        lines.append(f"  {rule.measure}: got {got:.4g}{count}, expected {rule.expected} ({rule.meaning}{limit})")
        lines.extend(f"    {note}" for note in each.notes.get(rule.measure, []))
        lines.extend(
            f"    row {row.pop('row')}: {_shortened(row)}" for row in shown.slice(0, config.num_samples).to_pylist()
        )
    changed = ", or change the limit, for instance by --set" if any(rule.settings for rule in rules) else ""
    lines.append(f"  correct the delivery and ingest the day again{changed}")
    return "\n".join(lines)
