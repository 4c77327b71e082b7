"""The stage that checks every raw partition before anything else reads it.

Arrow kernels find faulty rows (`row_faults.py`) and take the measures of a day; Great Expectations judges the measures
(`expectations.py`) by the rules of `schemas`. Faulty rows go to ``quarantine`` with their reasons; a day whose measures
are out of range is not validated, and nothing downstream can run for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import structlog

from pinsage.store import Version, Writer
from schemas import engagements, items, saves
from schemas.columns import VECTOR, id_type
from tasks.days import add_days
from tasks.expectations import judge
from tasks.row_faults import clean_vectors, common_width, row_faults
from tasks.session import Session

CODE_VERSION = 1
SCHEMAS = {"items": items, "saves": saves, "engagements": engagements}
ROWS_PER_RUN = 2_000_000

log = structlog.get_logger()
# Facts of immutable raw versions, by root and URI: a year of days is asked for the same ones again and again.
_num_rows: dict[tuple[str, str], int] = {}


class MissingPartitionError(LookupError):
    """A day was never delivered, which is not the same as delivered empty."""


class ValidationMissingError(LookupError):
    """A delivered partition was not validated yet."""


class ValidationFailedError(ValueError):
    """Partitions broke rules; they are not validated, the others of the call are."""


@dataclass(frozen=True)
class _Checked:
    day: str
    writer: Writer
    raw: Version
    measures: dict[str, Any]
    clean: pa.Table
    quarantined: pa.Table
    widths: dict[str, int]


def validate_days(session: Session, days: Sequence[str]) -> None:
    """Validate every table delivered on ``days``, and the items of every earlier day.

    Raises:
        ValidationFailedError: A day broke a rule; the message names rule, count and sample rows.
    """
    last = max(days)
    for table in SCHEMAS:
        delivered = session.store.ref_names(f"raw/{table}")
        wanted = [day for day in delivered if (day <= last if table == "items" else day in set(days))]
        validate_table(session, table, wanted)


def validate_table(session: Session, table: str, days: Sequence[str]) -> None:
    """Validate the raw partitions in force of one table; days that are validated already cost a look."""
    waiting: list[_Checked] = []
    vocabulary = _KnownItems(session)
    for day in days:
        writer, raw = _writer(session, table, day)
        if writer.is_committed:
            continue
        waiting.append(_check(session, table, day, writer, raw, vocabulary))
        # Widths of vectors must be known before the next day of items is judged.
        if table == "items" or sum(each.raw.facts["num_rows"] for each in waiting) >= ROWS_PER_RUN:
            _judge_and_commit(session, table, waiting)
            waiting = []
    _judge_and_commit(session, table, waiting)


def validated_version(session: Session, table: str, day: str) -> Version:
    """The validated version of the raw partition in force.

    Raises:
        MissingPartitionError: The day was not delivered.
        ValidationMissingError: It was, but is not validated.
    """
    writer, _ = _writer(session, table, day)
    if not writer.is_committed:
        raise ValidationMissingError(
            f"raw/{table} {day} is not validated; run `pinsage run prepare --day {day}` or trigger pinsage_prepare"
        )
    return writer.version


def is_validated(session: Session, table: str, day: str) -> bool:
    """Whether the raw partition in force is validated."""
    try:
        validated_version(session, table, day)
    except ValidationMissingError:
        return False
    return True


def _raw(session: Session, table: str, day: str) -> Version:
    version = session.store.referenced(f"raw/{table}/{day}")
    if version is None:
        known = session.store.ref_names(f"raw/{table}")
        raise MissingPartitionError(
            f"raw/{table} {day} was never delivered (an empty delivery would be a partition without rows); "
            f"delivered: {f'{len(known)} days from {known[0]} to {known[-1]}' if known else 'nothing'}; ingest it first"
        )
    return version


def _writer(session: Session, table: str, day: str) -> tuple[Writer, Version]:
    raw = _raw(session, table, day)
    delivered = session.store.ref_names("raw/items")
    # Items are held against the first delivery, whose vectors set the widths; saves against every item so far.
    if table == "items":
        earlier = [known for known in delivered if known < day][:1]
    else:
        earlier = [known for known in delivered if known <= day]
    known_items = [validated_version(session, "items", known) for known in earlier]
    config = {"rules": session.config.validation, "median": _trailing_median(session, table, day)}
    writer = session.store.write(
        f"validated/{table}", partition=day, inputs=[raw, *known_items], config=config, code_version=CODE_VERSION
    )
    return writer, raw


def _trailing_median(session: Session, table: str, day: str) -> float | None:
    config = session.config.validation
    first = add_days(day, -config.volume_window_days)
    counts = []
    for known in session.store.ref_names(f"raw/{table}"):
        if first <= known < day:
            head = session.store.ref(f"raw/{table}/{known}").head()
            assert head is not None, "a name in the log has a head"
            key = (session.store.root, head.uri)
            if key not in _num_rows:
                _num_rows[key] = int(session.store.version(head.uri).facts["num_rows"])
            counts.append(_num_rows[key])
    return float(median(counts)) if len(counts) >= config.volume_min_days else None


class _KnownItems:
    """Ids of the validated items up to a day; days are asked in ascending order, so each is read once."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._days: list[str] = []
        self._ids: pa.Array | None = None

    def up_to(self, inputs: list[Version]) -> pa.Array:
        for version in inputs:
            if version.uri not in self._days:
                ids = version.table("items", ["item_id"]).column("item_id").combine_chunks()
                self._ids = ids if self._ids is None else pa.concat_arrays([self._ids, ids])
                self._days.append(version.uri)
        return self._ids


def _check(session: Session, table: str, day: str, writer: Writer, raw: Version, vocabulary: _KnownItems) -> _Checked:
    config, schema = session.config.validation, SCHEMAS[table]
    rows = raw.table(table)
    inputs = [session.store.version(used.uri) for used in writer.spec.inputs if used.uri != raw.uri]
    expected = schema.schema(id_type(raw.facts["id_type"]), id_type(raw.facts["board_id_type"]))
    schema_faults = [
        field.name
        for field in expected
        if field.name not in rows.column_names or rows.schema.field(field.name).type != field.type
    ]
    measures: dict[str, Any] = {"day": day, "num_rows": rows.num_rows, "num_schema_faults": len(schema_faults)}
    if schema_faults:
        return _Checked(day, writer, raw, measures, rows.slice(0, 0), rows.slice(0, 0), {})
    widths: dict[str, int] = {}
    if table == "items":
        stated = inputs[0].facts["widths"] if inputs else {}
        for name in sorted(name.removeprefix(VECTOR) for name in rows.column_names if name.startswith(VECTOR)):
            widths[name] = common_width(rows.column(VECTOR + name)) or stated.get(name) or 1
        changed = [name for name, width in widths.items() if stated.get(name, width) != width]
        measures["num_width_changes"] = len(changed)
    known = None if table == "items" else vocabulary.up_to(inputs)
    if known is None and table != "items":
        known = pa.array([], expected.field("item_id").type)
    masks = row_faults(rows, schema, day, bool(raw.facts["timed"]), known, widths, config)
    denominator = max(rows.num_rows, config.min_share_rows)
    measures.update({f"share_{reason}": float(mask.sum()) / denominator for reason, mask in masks.items()})
    faulty = np.logical_or.reduce([mask for reason, mask in masks.items() if reason != "duplicate"])
    measures["share_quarantined"] = float(faulty.sum()) / denominator
    measures.update(_volume(writer, raw, config, rows))
    dropped = np.logical_or.reduce(list(masks.values()))
    reasons = [
        ", ".join(reason for reason, mask in masks.items() if mask[row]) for row in np.flatnonzero(dropped).tolist()
    ]
    quarantined = rows.filter(pa.array(dropped)).append_column("reason", pa.array(reasons, pa.string()))
    clean = clean_vectors(rows.filter(pa.array(~dropped)), widths, config)
    return _Checked(day, writer, raw, measures, clean, quarantined, widths)


def _volume(writer: Writer, raw: Version, config: Any, rows: pa.Table) -> dict[str, float]:
    """Ratio to the trailing median and largest shares of a board and an item; NaN where they are not judged."""
    trailing = writer.spec.config["median"]
    judged = trailing is not None and trailing >= config.volume_min_median and rows.num_rows > 0 and raw.facts["timed"]
    measures = {"volume_ratio": rows.num_rows / trailing if judged else float("nan")}
    for name, measure in (("board_id", "max_board_share"), ("item_id", "max_item_share")):
        measures[measure] = float("nan")
        if name in rows.column_names and rows.num_rows:
            most = max(pc.value_counts(rows.column(name)).field("counts").to_pylist())
            if most >= config.degree_min_saves:
                measures[measure] = most / rows.num_rows
    return measures


def _judge_and_commit(session: Session, table: str, checked: list[_Checked]) -> None:
    if not checked:
        return
    config, schema = session.config.validation, SCHEMAS[table]
    limits = {
        **config.model_dump(include={"max_board_share", "max_item_share", "min_volume_ratio", "max_volume_ratio"}),
        "accept_empty": config.accept_empty,
        "quarantined": config.max_quarantine_share,
        "unknown_item": config.max_unknown_item_share,
        "duplicate": config.max_duplicate_share,
    }
    rules = schema.rules(limits)
    frame = pd.DataFrame([each.measures for each in checked])
    for rule in rules:
        if rule.measure not in frame:
            frame[rule.measure] = float("nan")  # measures behind a schema fault were not taken
    broken, _ = judge(table, rules, frame)
    failures = []
    for each in checked:
        if broken[each.day]:
            failures.append(_failure(table, each, [rule for rule in rules if rule.measure in broken[each.day]], config))
            continue
        _commit(session, table, each, {rule.measure: [rule.low, rule.high] for rule in rules})
    if failures:
        raise ValidationFailedError(
            f"{len(failures)} of {len(checked)} partitions of raw/{table} failed validation; "
            "nothing downstream reads them:\n" + "\n".join(failures[:10])
        )


def _commit(session: Session, table: str, each: _Checked, limits: dict[str, list[float | None]]) -> None:
    if each.quarantined.num_rows:
        with session.store.write(
            f"quarantine/{table}", partition=each.day, inputs=[each.raw], config=each.writer.spec.config, code_version=1
        ) as out:
            if not out.is_committed:
                out.write_table(table, each.quarantined)
                out.facts.update(num_rows=each.quarantined.num_rows)
    with each.writer as out:
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
    if not each.clean.num_rows:
        log.warning("validate: the partition is empty", table=table, day=each.day, delivered=each.measures["num_rows"])


def _failure(table: str, each: _Checked, rules: list[Any], config: Any) -> str:
    lines = [f"raw/{table} {each.day} ({each.measures['num_rows']} rows, {each.raw.uri}):"]
    for rule in rules:
        got = each.measures.get(rule.measure)
        lines.append(f"  {rule.measure}: got {got:.4g}, expected {rule.low} to {rule.high} ({rule.meaning})")
        reason = rule.measure.removeprefix("share_")
        if "reason" in each.quarantined.column_names:
            shown = each.quarantined
            if reason != "quarantined":
                shown = shown.filter(pc.match_substring(shown.column("reason"), reason))
            lines.extend(f"    {row}" for row in shown.slice(0, config.num_samples).to_pylist())
    lines.append("  correct the delivery and ingest the day again, or change the limits under [validation]")
    return "\n".join(lines)
