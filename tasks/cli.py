"""The command line, a thin door over the stages: ``pinsage ingest | run | recommend | search | status | ...``."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import Annotated, Any

import structlog
import typer
from pydantic import ValidationError
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Column, Table

from tasks.ingest_mapping import IngestMapping, parse_vector_options
from tasks.session import Session

app = typer.Typer(
    no_args_is_help=True, pretty_exceptions_enable=False, help="PinSage, from raw saves to a served index."
)
console = Console()
errors = Console(stderr=True)

Root = Annotated[str, typer.Option(help="Store root: a local folder, s3://bucket/prefix or gs://bucket/prefix.")]
Day = Annotated[str, typer.Option(help="The day the run is for, YYYY-MM-DD.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]
Settings = Annotated[list[str], typer.Option("--set", help="A setting, such as --set walks.top_t=20; repeatable.")]


def main() -> None:
    """Run the command line; an expected error becomes one line and exit code 1."""
    from pinsage.config import ConfigError
    from pinsage.store import StoreError

    # Standard output is for answers, JSON above all; what stages log goes beside it.
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    try:
        app()
    except (
        StoreError,
        ConfigError,
        ValidationError,
        ValueError,
        LookupError,
        RuntimeError,
        FileNotFoundError,
    ) as error:
        errors.print(f"[bold red]error[/] {type(error).__name__}:", end=" ")
        errors.print(str(error.args[0] if isinstance(error, KeyError) and error.args else error), markup=False)
        raise SystemExit(1) from None


def open_session(root: str, settings: list[str]) -> Session:
    """Open the store and read ``section.field=value`` settings; values are JSON where they parse as JSON."""
    overrides: dict[str, Any] = {}
    for setting in settings:
        name, separator, value = setting.partition("=")
        if not separator:
            raise typer.BadParameter(f"{setting!r}: expected section.field=value")
        try:
            overrides[name] = json.loads(value)
        except json.JSONDecodeError:
            overrides[name] = value
    return Session.open(root, overrides)


def emit(value: Any) -> None:
    """Print ``value`` as JSON."""
    plain = asdict(value) if is_dataclass(value) and not isinstance(value, type) else value
    typer.echo(json.dumps(plain, indent=2, ensure_ascii=False, default=str))


@contextmanager
def progress_bar() -> Iterator[Progress]:
    """A bar on a terminal, above which the log scrolls; nothing where nobody looks."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    plain_stderr = sys.stderr
    with Progress(*columns, console=errors, disable=not errors.is_terminal) as bar:
        # While the bar lives, sys.stderr is a proxy that prints above it.
        structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
        try:
            yield bar
        finally:
            structlog.configure(logger_factory=structlog.PrintLoggerFactory(plain_stderr))


@app.command()
def ingest(
    root: Root,
    items: Annotated[Path | None, typer.Option(help="Parquet or CSV of the items.")] = None,
    saves: Annotated[Path | None, typer.Option(help="Parquet or CSV of the saves.")] = None,
    engagements: Annotated[Path | None, typer.Option(help="Parquet or CSV of the engagements.")] = None,
    demo: Annotated[bool, typer.Option("--demo", help="Ingest a year of Complete Journey shop data.")] = False,
    day: Annotated[str | None, typer.Option(help="The day of data without timestamps.")] = None,
    item_id: Annotated[str, typer.Option(help="Column with the item's id.")] = "item_id",
    board_id: Annotated[str, typer.Option(help="Column with the board's id.")] = "board_id",
    query_id: Annotated[str, typer.Option(help="Column of the engagements with the query item.")] = "query_id",
    timestamp: Annotated[str | None, typer.Option(help="Column of the saves with their time.")] = None,
    item_timestamp: Annotated[str | None, typer.Option(help="Column of the items with their time.")] = None,
    engagement_timestamp: Annotated[str | None, typer.Option(help="Column of the engagements with their time.")] = None,
    timestamp_unit: Annotated[str, typer.Option(help="Of integer times: auto, s, ms, us or ns.")] = "auto",
    id_type: Annotated[str, typer.Option(help="auto, int64 or string.")] = "auto",
    title: Annotated[str | None, typer.Option(help="Column of the items that people read.")] = None,
    text: Annotated[str | None, typer.Option(help="Column of the items with text.")] = None,
    image_url: Annotated[str | None, typer.Option(help="Column of the items with a picture.")] = None,
    vector: Annotated[list[str] | None, typer.Option(help="NAME=COLUMN of a feature vector; repeatable.")] = None,
    categorical: Annotated[list[str] | None, typer.Option(help="A column with categories; repeatable.")] = None,
    numeric: Annotated[list[str] | None, typer.Option(help="A column with numbers; repeatable.")] = None,
    as_json: Json = False,
) -> None:
    """Bring data into the store, partitioned by day."""
    session = open_session(root, [])
    if demo:
        from tasks.ingest_demo import ingest_demo

        summary = ingest_demo(session)
    else:
        from tasks.ingest import ingest as ingest_files

        mapping = IngestMapping(
            item_id=item_id,
            board_id=board_id,
            query_id=query_id,
            timestamp=timestamp,
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
        )
        summary = ingest_files(session, items=items, saves=saves, engagements=engagements, mapping=mapping, day=day)
    emit(summary) if as_json else console.print(summary)


@app.command()
def run(
    root: Root,
    day: Day,
    stage: Annotated[str, typer.Argument(help="all, prepare, train, publish, or one stage by its name.")] = "all",
    settings: Settings = [],  # noqa: B006  # typer wants a list
    force: Annotated[bool, typer.Option("--force", help="Publish although a newer day is published.")] = False,
    as_json: Json = False,
) -> None:
    """Run a whole day, or up to one stage of it; finished work is found and not done again."""
    from tasks.pipeline import steps_of

    session = open_session(root, settings)
    steps, stages = steps_of(session, stage, day, force=force)
    done = []
    with progress_bar() as bar:
        task = bar.add_task(stages[0], total=len(stages))
        # What is shown is the stage at work; after the last one, that it is done.
        for step, following in zip(steps, (*stages[1:], "done"), strict=True):
            done.append(step)
            bar.update(task, advance=1, description=following)
    if as_json:
        emit({"day": day, "steps": [asdict(step) for step in done]})
        return
    table = Table("stage", "day", Column("made", overflow="fold"), title=f"{stage} {day}")
    for step in done:
        table.add_row(step.stage, step.day, step.made)
    console.print(table)


@app.command()
def drop(
    uri: Annotated[str, typer.Argument(help="<dataset>/<partition>/<fingerprint> of a damaged version.")],
    root: Root,
    as_json: Json = False,
) -> None:
    """Forget one damaged version, so that its stage runs again; roll back first if it is published."""
    from pinsage.store.garbage import drop_version

    drop_version(open_session(root, []).store, uri)
    emit({"dropped": uri}) if as_json else console.print(f"{uri} is dropped; run its stage again")


@app.command()
def recommend(
    item: Annotated[str, typer.Argument(help="The query item's id.")],
    root: Root,
    k: Annotated[int, typer.Option("-k", min=1, max=10_000, help="Items wanted.")] = 10,
    popularity: Annotated[float, typer.Option(min=0, max=10, help="0 = alike, 1 = most likely taken next.")] = 0.0,
    as_json: Json = False,
) -> None:
    """Recommend items for an item, from the published index."""
    from pinsage.serving.recommender import Recommender

    found = Recommender(root).similar(item, k, popularity)
    _print_items(f"for {item}", [asdict(each) for each in found], as_json)


@app.command()
def search(
    text: Annotated[str, typer.Argument(help="Words of a title.")],
    root: Root,
    k: Annotated[int, typer.Option("-k", min=1, max=10_000, help="Items wanted.")] = 10,
    as_json: Json = False,
) -> None:
    """Find items of the published index by their titles."""
    from pinsage.serving.recommender import Recommender

    found = Recommender(root).search(text, k)
    _print_items(f"titles like {text!r}", [asdict(each) for each in found], as_json)


@app.command()
def status(root: Root, as_json: Json = False) -> None:
    """Show what is ingested, prepared, trained and published."""
    store = open_session(root, []).store
    heads = {name: store.ref(name).head() for name in ("champion", "published")}
    known = {
        "root": store.root,
        **{f"raw/{table}": _span(store.ref_names(f"raw/{table}")) for table in ("items", "saves", "engagements")},
        "prepared": ", ".join(store.ref_names("prepared")[-5:]) or "none",
        **{name: "none" if head is None else f"{head.uri} (number {head.number})" for name, head in heads.items()},
    }
    emit(known) if as_json else console.print(_two_columns("status", known))


@app.command()
def evaluate(root: Root, day: Day, as_json: Json = False) -> None:
    """Show the newest evaluation of the models trained for a day."""
    from tasks.evaluation_table import evaluation_table, metrics_of_day

    metrics = metrics_of_day(open_session(root, []), day)
    emit(metrics) if as_json else console.print(evaluation_table(metrics))


@app.command()
def rollback(
    root: Root,
    name: Annotated[str, typer.Option(help="published or champion.")] = "published",
    as_json: Json = False,
) -> None:
    """Point ``published`` (or ``champion``) to the version it pointed to before."""
    if name not in ("published", "champion"):
        raise typer.BadParameter(f"{name!r}: expected published or champion")
    log = open_session(root, []).store.ref(name)
    history = log.history()
    earlier = [entry for entry in history if entry.uri != history[-1].uri] if history else []
    if not earlier:
        raise LookupError(f"reference {name} has {len(history)} entries and no earlier version to go back to")
    entry = log.append(earlier[-1].uri, after=history[-1].number, details={"rollback_of": history[-1].number})
    emit(entry.model_dump()) if as_json else console.print(f"{name} is now {entry.uri} (number {entry.number})")


@app.command()
def gc(
    root: Root,
    yes: Annotated[bool, typer.Option("--yes", help="Delete; without it the plan is only printed.")] = False,
    keep: Annotated[int, typer.Option(min=0, help="Newest commits of each partition that are kept.")] = 2,
    grace_hours: Annotated[float, typer.Option(min=0, help="Younger objects are kept.")] = 24.0,
    as_json: Json = False,
) -> None:
    """Remove versions that no reference reaches; prints first, deletes on --yes."""
    from pinsage.store.garbage import collect_garbage, plan_garbage

    store = open_session(root, []).store
    plan = plan_garbage(store, keep=keep, grace_seconds=grace_hours * 3600)
    if yes:
        collect_garbage(store, plan, grace_seconds=grace_hours * 3600)
    result = {"removed": yes, "versions": list(plan.versions), "objects": len(plan.keys), "bytes": plan.num_bytes}
    emit(result) if as_json else console.print(result)


@app.command()
def config(
    settings: Settings = [],  # noqa: B006  # typer wants a list
    markdown: Annotated[bool, typer.Option("--markdown", help="Print every field with its range and meaning.")] = False,
    as_json: Json = False,
) -> None:
    """Print the configuration in force: defaults, file, environment and --set."""
    from pinsage.config import load_config

    if markdown:
        from tasks.config_docs import configuration_page

        typer.echo(configuration_page())
        return

    overrides = dict(setting.partition("=")[::2] for setting in settings)
    values = load_config(overrides).model_dump(mode="json")
    if as_json:
        emit(values)
        return
    for section, fields in values.items():
        console.print(_two_columns(section, fields))


def _print_items(title: str, found: list[dict[str, Any]], as_json: bool) -> None:
    if as_json:
        emit(found)
        return
    table = Table("item", "title", "category", "score", title=title)
    for each in found:
        table.add_row(str(each["item_id"]), each["title"], each["category"], f"{each['score']:.3f}")
    console.print(table)


def _two_columns(title: str, values: dict[str, Any]) -> Table:
    table = Table(title=title, show_header=False)
    for name, value in values.items():
        table.add_row(name, str(value))
    return table


def _span(days: list[str]) -> str:
    return f"{len(days)} days, {days[0]} to {days[-1]}" if days else "none"


if __name__ == "__main__":
    main()
