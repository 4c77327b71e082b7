"""``pinsage ingest``."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tasks.cli.app import Json, Root, app, console, emit, open_session
from tasks.runtime.terminal_text import printable

if TYPE_CHECKING:
    from tasks.data.ingest import IngestSummary


@app.command()
def ingest(
    root: Root,
    items: Annotated[Path | None, typer.Option(help="Parquet, CSV or JSON lines of the items.")] = None,
    saves: Annotated[Path | None, typer.Option(help="The same of the saves.")] = None,
    engagements: Annotated[Path | None, typer.Option(help="The same of the engagements.")] = None,
    demo: Annotated[bool, typer.Option("--demo", help="Ingest a year of Complete Journey shop data.")] = False,
    day: Annotated[str | None, typer.Option(help="The day of data without timestamps.")] = None,
    item_id: Annotated[str, typer.Option(help="Column with the item's id.")] = "item_id",
    board_id: Annotated[str, typer.Option(help="Column with the board's id.")] = "board_id",
    query_id: Annotated[str, typer.Option(help="Column of the engagements with the query item.")] = "query_id",
    timestamp: Annotated[str | None, typer.Option(help="Column of the saves with their time.")] = None,
    weight: Annotated[str | None, typer.Option(help="Column of the saves with their weight, above 0.")] = None,
    item_timestamp: Annotated[str | None, typer.Option(help="Column of the items with their time.")] = None,
    engagement_timestamp: Annotated[str | None, typer.Option(help="Column of the engagements with their time.")] = None,
    timestamp_unit: Annotated[str, typer.Option(help="Of times that are numbers: auto, s, ms, us or ns.")] = "auto",
    id_type: Annotated[str, typer.Option(help="auto, int64 or string.")] = "auto",
    title: Annotated[str | None, typer.Option(help="Column of the items that people read.")] = None,
    text: Annotated[str | None, typer.Option(help="Column of the items with text.")] = None,
    image_url: Annotated[str | None, typer.Option(help="Column of the items with a picture.")] = None,
    vector: Annotated[list[str] | None, typer.Option(help="NAME=COLUMN of a feature vector; repeatable.")] = None,
    categorical: Annotated[list[str] | None, typer.Option(help="A column with categories; repeatable.")] = None,
    numeric: Annotated[list[str] | None, typer.Option(help="A column with numbers; repeatable.")] = None,
    delimiter: Annotated[
        str | None, typer.Option(help="Of CSV files, such as ';' or tab; told from the header.")
    ] = None,
    csv_dialect: Annotated[
        str, typer.Option(help="Quotes and backslashes of CSV files: auto, excel, spark, mysql or text.")
    ] = "auto",
    null: Annotated[list[str] | None, typer.Option(help="A CSV field that means no value; repeatable.")] = None,
    as_json: Json = False,
) -> None:
    """Bring data into the store, partitioned by day."""
    with _empty_again_if_refused(root):
        session = open_session(root, [], new=True)
        if demo:
            from tasks.data.ingestion.demo import ingest_demo

            summary = ingest_demo(session)
        else:
            from tasks.data.ingest import ingest as ingest_files
            from tasks.data.ingestion.mapping import IngestMapping, parse_vector_options

            mapping = IngestMapping(
                item_id=item_id,
                board_id=board_id,
                query_id=query_id,
                timestamp=timestamp,
                weight=weight,
                item_timestamp=item_timestamp,
                engagement_timestamp=engagement_timestamp,
                timestamp_unit=timestamp_unit,
                id_type=id_type,
                title=title,
                text=text,
                image_url=image_url,
                vectors=parse_vector_options(vector or []),
                categorical=tuple(categorical or ()),
                numeric=tuple(numeric or ()),
                delimiter={"tab": "\t", "\\t": "\t"}.get(delimiter or "", delimiter),
                csv_dialect=csv_dialect,
                nulls=tuple(null or ()),
            )
            summary = ingest_files(session, items=items, saves=saves, engagements=engagements, mapping=mapping, day=day)
    try:
        _tell(summary, as_json)
    except OSError as error:
        message = f"the rows are in the store, but standard output takes no message of it: {error.strerror}"
        raise OSError(error.errno, message) from None


def _tell(summary: "IngestSummary", as_json: bool) -> None:
    if as_json:
        emit(summary)
        return
    for table in summary.tables:
        days = f"{table.first_day} to {table.last_day}" if table.num_days > 1 else table.first_day
        console.print(f"{table.table}: {table.num_rows:,} rows, {days}; new or changed days: {table.num_changed_days}")
    for note in summary.notes:
        console.print("[bold yellow]note[/]", end=" ")
        console.print(printable(note), markup=False)


@contextmanager
def _empty_again_if_refused(root: str) -> Iterator[None]:
    """Remove the folders of a store that was not there before, unless something was written to it."""
    path = Path(root).absolute()
    missing = [] if "://" in root else [folder for folder in (path, *path.parents) if not folder.exists()]
    try:
        yield
    except BaseException:
        for folder in missing:
            with suppress(OSError):
                folder.rmdir()
        raise
