"""Commands that only read: ``pinsage recommend | search | status | evaluate``."""

from dataclasses import asdict
from typing import Annotated, Any

import typer
from rich.filesize import decimal
from rich.table import Table
from rich.text import Text

from tasks.cli.app import Day, Json, Root, app, console, emit, errors, existing, note, open_session, two_columns
from tasks.runtime.terminal_text import cell, one_line

TITLE_WIDTH, SHOWN_DAYS = 60, 5


@app.command(context_settings={"ignore_unknown_options": True})  # ids may be negative
def recommend(
    items: Annotated[list[str], typer.Argument(help="The query item's id; several ids, the newest first.")],
    root: Root,
    k: Annotated[int, typer.Option("-k", min=1, max=10_000, help="Items wanted.")] = 10,
    popularity: Annotated[float, typer.Option(min=0, max=10, help="0 = alike, 1 = most likely taken next.")] = 0.0,
    as_json: Json = False,
) -> None:
    """Recommend items for an item, or for several such as a person's recent ones, from the published index.

    Of several ids, unknown ones are skipped and named; --json then prints an object with items and skipped.
    """
    from pinsage.serving.recommender import Recommender

    recommender = Recommender(existing(root))
    if len(items) == 1:
        found = recommender.similar(items[0], k, popularity)
        title = f"like {one_line(recommender.item(items[0])[0].title, TITLE_WIDTH)} ({one_line(items[0])})"
    else:
        found = recommender.similar_to_all(items, k, popularity=popularity)
        title = f"like {len(items) - len(found.skipped)} items together"
    rows = [asdict(each) for each in found]
    if as_json and len(items) > 1:
        emit({"version": found.version, "items": rows, "skipped": list(found.skipped)})
        return
    _print_items(title, rows, as_json)
    if found.skipped:
        errors.print("skipped, unknown to the published index:", ", ".join(map(one_line, found.skipped)), markup=False)


@app.command()
def search(
    text: Annotated[str, typer.Argument(help="Words of a title.")],
    root: Root,
    k: Annotated[int, typer.Option("-k", min=1, max=10_000, help="Items wanted.")] = 10,
    as_json: Json = False,
) -> None:
    """Find items of the published index by their titles."""
    from pinsage.serving.recommender import Recommender

    found = Recommender(existing(root)).search(text, k)
    _print_items(f"titles like {one_line(text)!r}", [asdict(each) for each in found], as_json)


@app.command()
def status(root: Root, as_json: Json = False) -> None:
    """Show what is ingested, prepared, trained and published: its age, quality and size."""
    from tasks.commands.store_status import status_of

    state = status_of(open_session(root, []).store)
    if as_json:
        emit(state)
        return
    prepared = state["prepared"]
    lines = {
        "root": state["root"],
        **{name: _deliveries(state[name]) for name in state if name.startswith("raw/")},
        "prepared": f"{len(prepared)} days: {', '.join(prepared[-SHOWN_DAYS:])}" if prepared else "none",
        "champion": _champion(state["champion"]),
        "published": _published(state["published"]),
        "pins": ", ".join(state["pins"]) or "none",
        "size": _size(state["size"]),
    }
    console.print(two_columns("status", lines))
    for fault in state["faults"]:
        note(fault)


@app.command()
def evaluate(root: Root, day: Day, as_json: Json = False) -> None:
    """Show the newest evaluation of the models trained for a day."""
    from tasks.evaluate.evaluation_table import evaluation_table, metrics_of_day

    metrics = metrics_of_day(open_session(root, []), day)
    emit(metrics) if as_json else console.print(evaluation_table(metrics))


def _print_items(title: str, found: list[dict[str, Any]], as_json: bool) -> None:
    if as_json:
        emit(found)
        return
    if not found:
        console.print(f"no {title}", markup=False)
        return
    table = Table("item", "title", "category", "score", title=Text(title))
    for each in found:
        table.add_row(*(cell(each[name]) for name in ("item_id", "title", "category")), f"{each['score']:.3f}")
    console.print(table)


def _deliveries(spans: dict[str, Any] | None) -> str:
    if spans is None:
        return "none"
    last = "" if spans["last_rows"] is None else f"; the last has {spans['last_rows']:,} rows, {_when(spans, 'last_')}"
    return f"{spans['first']} to {spans['last']}, days: {spans['days']}{last}"


def _champion(champion: dict[str, Any] | None) -> str:
    if champion is None:
        return "none"
    return (
        f"{champion['uri']} (number {champion['number']}, {_when(champion)})\n{champion['quality'] or 'not measured'}"
    )


def _published(published: dict[str, Any] | None) -> str:
    if published is None:
        return "none"
    age = published["age_days"]
    behind = "as new as the newest saves" if age == 0 else f"{age} days behind the newest saves"
    counts = [f"{published[name]:,} {name[4:]}" for name in ("num_items", "num_boards", "num_saves") if published[name]]
    told = [*([behind] if age is not None else []), *counts]
    return f"{published['uri']} (number {published['number']}, {_when(published)})\n{', '.join(told)}"


def _size(size: dict[str, Any]) -> str:
    least = "" if size["complete"] else "at least "
    cache = f", and {decimal(size['cache_bytes'])} of cache that is made again" if size["cache_bytes"] else ""
    return f"{least}{decimal(size['bytes'])}{cache}"


def _when(entry: dict[str, Any], prefix: str = "") -> str:
    return f"recorded {entry[f'{prefix}recorded_at'][:16].replace('T', ' ')} UTC"
