"""Commands that only read: ``pinsage recommend | search | status | evaluate``."""

from dataclasses import asdict
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from tasks.cli.app import Day, Json, Root, app, console, emit, errors, existing, open_session, two_columns
from tasks.terminal_text import cell, one_line

TITLE_WIDTH = 60


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
    """Show what is ingested, prepared, trained and published."""
    from pinsage.store.pins import pins

    store = open_session(root, []).store
    heads = {name: store.ref(name).head() for name in ("champion", "published")}
    days = {f"raw/{table}": store.ref_names(f"raw/{table}") for table in ("items", "saves", "engagements")}
    prepared, pinned = store.ref_names("prepared"), list(pins(store))
    if as_json:
        spans = {name: _span(each) for name, each in days.items()}
        entries = {name: head and {"uri": head.uri, "number": head.number} for name, head in heads.items()}
        emit({"root": store.root, **spans, "prepared": prepared, **entries, "pins": pinned})
        return
    known = {
        "root": store.root,
        **{name: f"{each[0]} to {each[-1]}, days: {len(each)}" if each else "none" for name, each in days.items()},
        "prepared": ", ".join(prepared[-5:]) or "none",
        **{name: "none" if head is None else f"{head.uri} (number {head.number})" for name, head in heads.items()},
        "pins": ", ".join(pinned) or "none",
    }
    console.print(two_columns("status", known))


@app.command()
def evaluate(root: Root, day: Day, as_json: Json = False) -> None:
    """Show the newest evaluation of the models trained for a day."""
    from tasks.evaluation_table import evaluation_table, metrics_of_day

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


def _span(days: list[str]) -> dict[str, Any] | None:
    return {"days": len(days), "first": days[0], "last": days[-1]} if days else None
