"""The stage that brings the user's files into the store, partitioned by day.

Everything is read, converted and spilled by day first; nothing is written to the store before all of it was found
good. A day that is delivered again replaces the earlier delivery of that day; the earlier version stays in the log.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import structlog

from pinsage.arrays.stable_hash import combine, hash_ids, uniform
from pinsage.store import Version
from pinsage.store.names import split_uri
from schemas.columns import CATEGORICAL, NUMERIC, SPLITS, TIME, VECTOR, id_type
from tasks.data.deliveries import COMMIT_THREADS, TABLES
from tasks.data.ingestion.columns import (
    IngestError,
    Place,
    day_name,
    day_number,
    day_numbers,
    require_columns,
)
from tasks.data.ingestion.files import Delivery, Rows, open_delivery
from tasks.data.ingestion.ids import IdForm, as_ids, has_floats, id_form
from tasks.data.ingestion.mapping import IngestMapping
from tasks.data.ingestion.numbers import as_numbers
from tasks.data.ingestion.spill import DaySpill
from tasks.data.ingestion.texts import as_categories, as_text, as_vectors
from tasks.data.ingestion.times import FIRST_YEAR, LAST_YEAR, TimeColumn
from tasks.runtime.days import check_day
from tasks.runtime.session import Session
from tasks.runtime.stages import INGEST

MAX_GAP_DAYS = 4_000
SPLIT_BOUNDS = (0.7, 0.8)  # train, tune, test: 70/10/20 (Ying et al. 2018, section 4.1)

log = structlog.get_logger()


@dataclass(frozen=True)
class TableSummary:
    """What was taken of one table: rows, days, and the days whose version in force changed."""

    table: str
    num_rows: int
    num_days: int
    first_day: str
    last_day: str
    num_changed_days: int


@dataclass(frozen=True)
class IngestSummary:
    """What an ingestion brought, table by table, and what was assumed where nothing was said."""

    tables: tuple[TableSummary, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Source:
    """The files of a table: which columns hold ids, how they write them, which (if any) has the time, and notes."""

    table: str
    files: Delivery
    id_columns: dict[str, str]
    id_forms: dict[str, IdForm]
    time_column: str | None
    notes: Counter[str] = field(default_factory=Counter)

    def __str__(self) -> str:
        return f"{self.table} {self.files.path}"


def ingest(
    session: Session,
    *,
    items: Path | None,
    saves: Path | None,
    engagements: Path | None = None,
    mapping: IngestMapping | None = None,
    day: str | None = None,
) -> IngestSummary:
    """Read the files and commit their rows as ``raw/<table>`` partitions by UTC day.

    Args:
        session: The store.
        items: File or folder of Parquet, CSV or JSON lines.
        saves: The same.
        engagements: The same; optional.
        mapping: Which columns play which part.
        day: The day that the files are for: of rows that have no timestamp column; all others must lie in it.

    Raises:
        IngestError: Something is wrong with the files; nothing was written.
    """
    mapping = mapping or IngestMapping()
    sources = _sources(items, saves, engagements, mapping)
    if not sources:
        raise IngestError("nothing to ingest: give --items and --saves, or --demo")
    if day is not None:
        _check_day(day)
    kinds = _id_kinds(session, sources, mapping)
    sources = _with_kept_ids(session, sources, kinds)
    _check_times(session, sources)
    with ExitStack() as opened:
        spills: dict[str, DaySpill] = {}
        notes: list[str] = []
        for source in sorted(
            sources, key=lambda each: each.table == "items"
        ):  # items last: they follow the saves' days
            spill = opened.enter_context(DaySpill())
            default_day = _default_day(session, source, day, spills)
            _spill(source, spill, mapping, kinds, default_day)
            spills[source.table] = spill
            notes += [f"{text} ({count:,} row{'s' * (count != 1)})" for text, count in sorted(source.notes.items())]
            if default_day != day:
                notes.append(
                    f"items have no column with times: all count from {default_day}, the first day of the saves; "
                    "--item-timestamp COLUMN or --day says otherwise"
                )
        timed = {source.table: source.time_column is not None for source in sources}
        summaries = [_commit(session, name, spills[name], timed[name], kinds, notes) for name in sorted(spills)]
    return IngestSummary(tuple(summaries), tuple(notes))


def _sources(items: Path | None, saves: Path | None, engagements: Path | None, mapping: IngestMapping) -> list[_Source]:
    found = []
    if items is not None:
        found.append(_source("items", items, mapping, {"item_id": mapping.item_id}, mapping.item_timestamp))
        named = [*mapping.vectors.values(), *mapping.categorical, *mapping.numeric]
        named += [name for name in (mapping.title, mapping.text, mapping.image_url) if name]
        require_columns(str(found[0]), named, found[0].files.names)
    if saves is not None:
        ids = {"board_id": mapping.board_id, "item_id": mapping.item_id}
        found.append(_source("saves", saves, mapping, ids, mapping.timestamp, "saved_at"))
        require_columns(str(found[-1]), [mapping.weight] if mapping.weight else [], found[-1].files.names)
    if engagements is not None:
        ids = {"query_id": mapping.query_id, "item_id": mapping.item_id}
        time, defaults = mapping.engagement_timestamp, ("engaged_at", mapping.timestamp)
        found.append(_source("engagements", engagements, mapping, ids, time, *defaults))
    return found


def _source(
    table: str, path: Path, mapping: IngestMapping, ids: dict[str, str], time: str | None, *default_times: str | None
) -> _Source:
    files = open_delivery(path, mapping.csv_options, list(ids.values()))
    if time is None:
        time = next((name for name in default_times if name in files.names), None)
    require_columns(f"{table} {path}", [*ids.values(), *([time] if time else [])], files.names)
    forms = {name: id_form(files.type_of(column), _values(files, column)) for name, column in ids.items()}
    return _Source(table, files, ids, forms, time)


def _values(files: Delivery, column: str) -> Iterator[pa.ChunkedArray]:
    return (rows.table.column(column) for rows in files.batches([column]))


def _id_kinds(session: Session, sources: list[_Source], mapping: IngestMapping) -> dict[str, pa.DataType]:
    """Types of ``item_id`` (queries are items, too) and ``board_id``: one each, across files and earlier deliveries."""
    kinds = {}
    for kind, names in (("item_id", ("item_id", "query_id")), ("board_id", ("board_id",))):
        integers = [
            form is not IdForm.TEXT and source.files.may_hold_integers(source.id_columns[name])
            for source in sources
            for name, form in source.id_forms.items()
            if name in names
        ]
        stated = kind == "item_id" and mapping.id_type == "int64"
        chosen = "int64" if stated or (all(integers) and mapping.id_type != "string") else "string"
        kinds[kind] = id_type(_stored_kind(session, kind) or chosen)
    kinds["query_id"] = kinds["item_id"]
    return kinds


def _stored_kind(session: Session, kind: str) -> str | None:
    """What the first delivery of any table made of these ids, or None."""
    fact, tables = ("id_type", TABLES) if kind == "item_id" else ("board_id_type", ("saves",))
    versions = (_newest(session, table) for table in tables)
    return next((str(version.facts[fact]) for version in versions if version is not None), None)


def _with_kept_ids(session: Session, sources: list[_Source], kinds: dict[str, pa.DataType]) -> list[_Source]:
    """Ids such as 1e5 stay as they are in every file if the items (the saves for boards) have some among words."""
    kept: set[str] = set()
    for kind, table in (("item_id", "items"), ("board_id", "saves")):
        names = {"item_id", "query_id"} if kind == "item_id" else {kind}
        is_loose = any(source.id_forms.get(name) is IdForm.FLOATS for source in sources for name in names)
        if pa.types.is_string(kinds[kind]) and is_loose and _has_floats_as_words(session, sources, kind, table):
            kept |= names
    return [
        replace(
            source,
            id_forms={name: IdForm.TEXT if name in kept else form for name, form in source.id_forms.items()},
        )
        for source in sources
    ]


def _has_floats_as_words(session: Session, sources: list[_Source], kind: str, table: str) -> bool:
    """Whether a word of the table's ids looks like a float, in this delivery or an earlier one."""
    words = (source for source in sources if source.table == table and source.id_forms[kind] is IdForm.TEXT)
    delivered = (values for source in words for values in _values(source.files, source.id_columns[kind]))
    stored = (version.table(table, [kind]).column(kind) for version in _in_force(session, table))
    return any(map(has_floats, chain(delivered, stored)))


def _newest(session: Session, table: str) -> Version | None:
    """The delivery in force of the newest day that has one."""
    return next(_in_force(session, table), None)


def _in_force(session: Session, table: str) -> Iterator[Version]:
    """The deliveries in force, the newest day first."""
    store = session.store
    for day in reversed(store.ref_names(f"raw/{table}")):
        head = store.ref(f"raw/{table}/{day}").head()
        # A damaged delivery that was dropped is pointed to until it is delivered again.
        version = None if head is None else store.find(*split_uri(head.uri))
        if version is not None:
            yield version


def _check_times(session: Session, sources: list[_Source]) -> None:
    """Saves and engagements of a store all have times, or none has: what is held out is told so or so."""
    given = {str(each): each.time_column is not None for each in sources if each.table != "items"}
    stored = {table: _newest(session, table) for table in ("saves", "engagements")}
    known = {version.uri: bool(version.facts["timed"]) for version in stored.values() if version is not None}
    if given and len({*given.values(), *known.values()}) > 1:
        shown = ", ".join(f"{name} {'with' if timed else 'without'}" for name, timed in {**known, **given}.items())
        raise IngestError(
            f"rows with times and rows without can't be mixed in one store: {shown}; name the columns with times "
            f"(--timestamp, --engagement-timestamp), or ingest into another root than {session.store.root}; nothing "
            "was written"
        )


def _default_day(session: Session, source: _Source, day: str | None, spills: dict[str, DaySpill]) -> str | None:
    """The day of a delivery without times, or without rows: the given one; for items the earliest day of the saves."""
    if day is not None or source.time_column is not None:
        return day
    if source.table == "items":
        if "saves" in spills and spills["saves"].num_rows:
            return day_name(min(spills["saves"].num_rows))
        delivered = session.store.ref_names("raw/saves")
        if delivered:
            return delivered[0]
    names = {"items": "item-timestamp", "saves": "timestamp", "engagements": "engagement-timestamp"}
    more = "; items that are ingested with or after their saves count from the first day of these"
    raise IngestError(
        f"{source}: no column with times was named, so its day is unknown; "
        f"name it (--{names[source.table]} COLUMN) or give --day YYYY-MM-DD{more if source.table == 'items' else ''}; "
        f"its columns are: {', '.join(source.files.names)}"
    )


def _spill(
    source: _Source, spill: DaySpill, mapping: IngestMapping, kinds: dict[str, pa.DataType], default_day: str | None
) -> None:
    wanted = list(dict.fromkeys([*source.id_columns.values(), *_other_columns(source, mapping)]))
    if source.time_column is not None and source.time_column not in wanted:
        wanted.append(source.time_column)
    num_rows, time_column = 0, TimeColumn(mapping.timestamp_unit)
    for rows in source.files.batches(wanted):
        batch = rows.table
        if source.time_column is None:
            times = None
            assert default_day is not None, "a source without times has a day"
            days = np.full(batch.num_rows, day_number(default_day))
        else:
            what = _place(source, rows, source.time_column)
            times = time_column.read(batch.column(source.time_column), what)
            if times.null_count:
                first = int(np.flatnonzero(times.is_null().to_numpy())[0])
                raise IngestError(
                    f"{what.row(first)} has no time (and {times.null_count - 1} more nearby); expected one in every "
                    "row: remove or repair these rows, nothing was written"
                )
            days = day_numbers(times).to_numpy()
            _check_inside(default_day, days, what)
        spill.add(_converted(source, rows, times, mapping, kinds), days)
        num_rows += batch.num_rows
    if num_rows == 0:
        if default_day is None:
            raise IngestError(f"{source}: no rows; nothing was written. For an empty day give --day YYYY-MM-DD")
        none = Rows(str(source.files.path), 1, source.files.empty(wanted))
        times = None if source.time_column is None else pa.chunked_array([], TIME)
        spill.add_empty(_converted(source, none, times, mapping, kinds), day_number(default_day))


def _place(source: _Source, rows: Rows, column: str) -> Place:
    return Place(f"{source.table} {rows.file}: column {column}", rows.first_row, source.notes)


def _check_day(day: str) -> None:
    """A day that no time could lie in is a slip of the pen, and its rows would be read by every later run."""
    if not FIRST_YEAR <= int(check_day(day)[:4]) <= LAST_YEAR:
        raise IngestError(f"--day {day}: expected a day of the years {FIRST_YEAR} to {LAST_YEAR}; nothing was written")


def _check_inside(day: str | None, days: np.ndarray, what: Place) -> None:
    """A delivery for one day holds no other: a day and a column with times say the same, or one of them is wrong."""
    if day is not None and (outside := days != day_number(day)).any():
        row = int(np.flatnonzero(outside)[0])
        raise IngestError(
            f"{what.row(row)} is of {day_name(int(days[row]))}, but --day {day} was given; leave "
            "--day out to take every row by its own time, or deliver the rows of that day alone; nothing was written"
        )


def _other_columns(source: _Source, mapping: IngestMapping) -> list[str]:
    if source.table == "saves" and mapping.weight:
        return [mapping.weight]
    if source.table != "items":
        return []
    people = [_people_column(source, mapping, name) for name in ("title", "text", "image_url")]
    return [name for name in people if name] + [*mapping.vectors.values(), *mapping.categorical, *mapping.numeric]


def _people_column(source: _Source, mapping: IngestMapping, name: str) -> str | None:
    return getattr(mapping, name) or (name if name in source.files.names else None)


def _converted(
    source: _Source,
    rows: Rows,
    times: pa.ChunkedArray | None,
    mapping: IngestMapping,
    kinds: dict[str, pa.DataType],
) -> pa.Table:
    batch = rows.table
    made = {
        name: as_ids(batch.column(column), kinds[name], _place(source, rows, column), source.id_forms[name])
        for name, column in source.id_columns.items()
    }
    if source.table != "items":
        made["saved_at" if source.table == "saves" else "engaged_at"] = (
            pa.nulls(batch.num_rows, TIME) if times is None else times
        )
        boards = made["board_id" if source.table == "saves" else "query_id"]
        made["split"] = pa.nulls(batch.num_rows, pa.string()) if times is not None else _split(boards, mapping)
        if source.table == "saves" and mapping.weight:
            weights = as_numbers(batch.column(mapping.weight), _place(source, rows, mapping.weight))
            made["weight"] = weights.cast(pa.float32(), safe=False)
        return pa.table(made)
    for name in ("title", "text", "image_url"):
        column = _people_column(source, mapping, name)
        given = None if column is None else as_text(batch.column(column), _place(source, rows, column))
        made[name] = pa.nulls(batch.num_rows, pa.string()) if given is None else given
    for name, column in sorted(mapping.vectors.items()):
        made[VECTOR + name] = as_vectors(batch.column(column), _place(source, rows, column))
    for column in mapping.categorical:
        made[CATEGORICAL + column] = as_categories(batch.column(column), _place(source, rows, column))
    for column in sorted(mapping.numeric):
        made[NUMERIC + column] = as_numbers(batch.column(column), _place(source, rows, column))
    return pa.table(made)


def _split(ids: pa.ChunkedArray, mapping: IngestMapping) -> pa.Array:
    """Train, tune or test by the hash of the board, so that a board's saves stay together."""
    filled = pc.fill_null(ids, -1 if pa.types.is_integer(ids.type) else "")
    shares = uniform(combine(mapping.split_seed, hash_ids(filled)))
    return pa.array(np.asarray(SPLITS)[np.searchsorted(SPLIT_BOUNDS, shares, side="right")].tolist(), pa.string())


def _commit(
    session: Session, table: str, spill: DaySpill, timed: bool, kinds: dict[str, pa.DataType], notes: list[str]
) -> TableSummary:
    days = sorted(spill.num_rows)
    if timed and table != "items" and days[-1] - days[0] <= MAX_GAP_DAYS:
        # Days without rows inside a delivery are delivered and empty, which is not the same as missing; those that were
        # delivered before keep their rows.
        before = set(session.store.ref_names(f"raw/{table}"))
        between = range(days[0], days[-1] + 1)
        days = [day for day in between if day in spill.num_rows or day_name(day) not in before]
    facts = {"timed": timed, "id_type": str(kinds["item_id"]), "board_id_type": str(kinds["board_id"])}
    with ThreadPoolExecutor(COMMIT_THREADS) as pool:
        replaced = list(pool.map(lambda number: _commit_day(session, table, spill, number, facts), days))
    notes += _shrunk(table, spill, days, replaced)
    num_rows = sum(spill.num_rows.values())
    changed = sum(rows is not None for rows in replaced)
    summary = TableSummary(table, num_rows, len(days), day_name(days[0]), day_name(days[-1]), changed)
    log.info("ingest", **vars(summary))
    return summary


def _shrunk(table: str, spill: DaySpill, days: list[int], before: list[int | None]) -> list[str]:
    """A note where days lost rows: a delivery that was cut at another hour than midnight in UTC does that."""
    counts = [(day, rows or 0, spill.num_rows.get(day, 0)) for day, rows in zip(days, before, strict=True)]
    fewer = [(day_name(day), rows, left) for day, rows, left in counts if left < rows]
    if not fewer:
        return []
    day, rows, left = max(fewer, key=lambda loss: loss[1] - loss[2])
    others = f", and {len(fewer) - 1:,} other days have fewer rows" if len(fewer) > 1 else ""
    advice = "; new items alone are delivered with a day of their own (--day)" if table == "items" else ""
    return [
        f"{table} of {day}: {left:,} rows replace the {rows:,} that were delivered before{others}. A delivery replaces "
        f"whole days, in UTC: where that was not meant, deliver these days again with all of their rows{advice}"
    ]


def _commit_day(session: Session, table: str, spill: DaySpill, number: int, facts: dict[str, Any]) -> int | None:
    """Commit the rows of one day and put them in force; how many it had before, or None where nothing changed."""
    day = day_name(number)
    assert spill.schema is not None, "a spill has rows"
    config = {"rows_sha256": spill.digest(number), **facts}
    with session.store.write(
        f"raw/{table}", partition=day, inputs=[], config=config, code_version=INGEST.code_version
    ) as out:
        if not out.is_committed:
            out.write_table(table, spill.batches(number), spill.schema)
            out.facts.update(num_rows=spill.num_rows.get(number, 0), **facts)
    reference = session.store.ref(f"raw/{table}/{day}")
    head = reference.head()
    if head is not None and head.uri == out.version.uri:
        return None
    replaced = None if head is None else session.store.find(*split_uri(head.uri))
    reference.point_to(out.version.uri)
    return 0 if replaced is None else int(replaced.facts["num_rows"])
