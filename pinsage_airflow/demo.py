"""``python -m pinsage_airflow.demo``: a year of shop data through Airflow, from raw Parquet to recommendations."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from pinsage.serving.recommender import Recommender
from pinsage.store.names import split_uri
from pinsage_airflow.client import AirflowFailedError
from pinsage_airflow.local import LocalAirflow
from tasks.data.ingestion.demo import ingest_demo
from tasks.evaluate.evaluation_table import evaluation_table, metrics_of_day
from tasks.prepare.prepared import days_to_prepare
from tasks.runtime.session import Session
from tasks.runtime.terminal_text import cell, never_fail_to_print, one_line, printable

DAY = "2017-12-31"
QUERIES = ("fluid milk white only", "bananas", "pizza", "baby diapers", "beeralemalt")
DAGS = Path(__file__).parents[1] / "dags"
INTERRUPTED = 130

console = Console()


def demo(
    home: Annotated[Path, typer.Option(help="Folder that holds the store and Airflow's files.")] = Path(".demo"),
    up: Annotated[bool, typer.Option("--up", help="Keep Airflow running until Ctrl-C.")] = False,
) -> None:
    """Ingest the demo data, run the three DAGs in Airflow, and show what came out."""
    # Also where a shell started this in the background and had it ignore them.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
    started = time.monotonic()
    session = Session.open(str((home / "store").absolute()))
    day = _published_day(session)
    done = day >= DAY  # whoever goes on from the demo publishes later days
    if done:
        rest = "" if up else "; nothing to do"
        console.print(f"[green]{day} is published already{rest}.[/]")
    try:
        if not done or up:
            _with_airflow(LocalAirflow(home / "airflow", session.store.root, DAGS), session, run=not done, stay=up)
    except KeyboardInterrupt:
        console.print("Stopped.")
        if not (up and _published_day(session)):
            raise SystemExit(INTERRUPTED) from None
    except AirflowFailedError as error:
        console.print(printable(str(error)), markup=False, style="red")
        raise SystemExit(1) from None
    else:
        _show(session)
        console.print(f"[green]Done in {time.monotonic() - started:.0f} s.[/]")


def _published_day(session: Session) -> str:
    """The day of the index that is served; empty where none is."""
    head = session.store.ref("published").head()
    return "" if head is None else split_uri(head.uri)[1]


def _with_airflow(airflow: LocalAirflow, session: Session, *, run: bool, stay: bool) -> None:
    console.print("Starting Airflow (SQLite, LocalExecutor, loopback only)")
    with airflow:
        # While it comes up.
        if run and not session.store.ref_names("raw/saves"):
            console.print("Ingesting a year of Complete Journey shop data (baskets are boards, products are items)")
            for table in ingest_demo(session).tables:
                console.print(f"  {table.table}: {table.num_rows:,} rows, {table.first_day} to {table.last_day}")
        airflow.wait_until_up()
        if run:
            _run(airflow, session)
        if stay:
            if run:
                _show(session)
            password = airflow.client.password
            console.print(f"Airflow runs at {airflow.url}, user admin, password {password}. Ctrl-C stops it.")
            while True:
                signal.pause()


def _run(airflow: LocalAirflow, session: Session) -> None:
    days = days_to_prepare(session, DAY)
    console.print(
        f"A model for {DAY} needs {len(days)} prepared days: the one whose graph it trains on, the one it is evaluated "
        "from, and its own"
    )
    runs = [("pinsage_prepare", day) for day in days]
    runs += [("pinsage_train", DAY), ("pinsage_publish", DAY)]
    table = Table("DAG", "day", "task", "state", "seconds", title="What Airflow ran")
    for dag, day in runs:
        console.print(f"[bold]{dag}[/] for {day}")
        began = time.monotonic()
        for task in airflow.client.run(dag, day, on_task=_progress):
            table.add_row("", "", escape(task["name"]), task["state"], f"{task['seconds']:.1f}")
        table.add_row(dag, day, "all", "success", f"{time.monotonic() - began:.1f}", style="bold", end_section=True)
    console.print(table)


def _progress(task: str, state: str, seconds: float) -> None:
    # A mapped task says what it is for in brackets, which are no markup.
    console.print(f"  {task}: {state} {'for' if state == 'running' else 'in'} {seconds:.1f} s", markup=False)


def _show(session: Session) -> None:
    day = _published_day(session)
    champion = session.store.ref("champion").head()
    if champion is not None:
        console.print(evaluation_table(metrics_of_day(session, split_uri(champion.uri)[1])))
    with Recommender(session.store.root) as recommender:
        for words in QUERIES:
            found = recommender.search(words, 1)
            if not found:
                continue
            query = found[0]
            title = Text(f"Like {one_line(query.title)} ({one_line(query.item_id)})")
            table = Table("item", "title", "category", "score", title=title, title_justify="left")
            for each in recommender.similar(query.item_id, 5):
                table.add_row(*map(cell, (each.item_id, each.title, each.category)), f"{each.score:.3f}")
            console.print(table)
    site = Path(session.store.root) / "_site"
    console.print(f"Report:     {site}/reports/{day}/index.html")
    console.print(f"Data Docs:  {site}/data_docs/{day}/index.html")
    console.print(f"Explorer:   .venv/bin/pinsage serve --root {site.parent}")
    console.print("Airflow UI: `make demo-up` starts it again and keeps it running")


if __name__ == "__main__":
    never_fail_to_print()
    app = typer.Typer(add_completion=False, context_settings={"help_option_names": ["-h", "--help"]})
    app.command()(demo)
    app()
