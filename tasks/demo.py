"""``python -m tasks.demo``: a year of shop data through Airflow, from raw Parquet to recommendations."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from pinsage.serving.recommender import Recommender
from tasks.airflow_client import AirflowFailedError
from tasks.days import add_days
from tasks.evaluation_table import evaluation_table, metrics_of_day
from tasks.ingest_demo import ingest_demo
from tasks.local_airflow import LocalAirflow
from tasks.session import Session

DAY = "2017-12-31"
QUERIES = ("fluid milk white only", "bananas", "pizza premium", "baby diapers", "beeralemalt")
DAGS = Path(__file__).parents[1] / "dags"

console = Console()


def demo(
    home: Annotated[Path, typer.Option(help="Folder that holds the store and Airflow's files.")] = Path(".demo"),
    up: Annotated[bool, typer.Option("--up", help="Keep Airflow running until Ctrl-C.")] = False,
) -> None:
    """Ingest the demo data, run the three DAGs in Airflow, and show what came out."""
    signal.signal(signal.SIGTERM, lambda *_: (_ for _ in ()).throw(KeyboardInterrupt()))
    os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
    started = time.monotonic()
    root = str((home / "store").absolute())
    session = Session.open(root)
    head = session.store.ref("published").head()
    done = head is not None and head.uri.split("/")[-2] == DAY
    if done:
        console.print(f"[green]{DAY} is published already ({head.uri if head else ''}); nothing to do.[/]")
    if not done or up:
        airflow = LocalAirflow(home / "airflow", root, DAGS)
        try:
            if not session.store.ref_names("raw/saves"):
                console.print("Ingesting a year of Complete Journey shop data (baskets are boards, products are items)")
                for table in ingest_demo(session).tables:
                    console.print(f"  {table.table}: {table.num_rows:,} rows, {table.first_day} to {table.last_day}")
            console.print("Starting Airflow (SQLite, LocalExecutor, loopback only)")
            with airflow:
                if not done:
                    _run(airflow, session)
                    _show(session, root, airflow, started)
                if up:
                    password = airflow.client.password
                    console.print(f"Airflow runs at {airflow.url}, user admin, password {password}. Ctrl-C stops it.")
                    signal.pause()
        except KeyboardInterrupt:
            console.print("stopped")
            if not up:
                raise SystemExit(130) from None
        except AirflowFailedError as error:
            console.print(str(error), markup=False, style="red")
            raise SystemExit(1) from None
    if done and not up:
        _show(session, root, None, started)


def _run(airflow: LocalAirflow, session: Session) -> None:
    as_of = add_days(DAY, -session.config.evaluation.holdout_days)
    runs = (("pinsage_prepare", as_of), ("pinsage_prepare", DAY), ("pinsage_train", DAY), ("pinsage_publish", DAY))
    table = Table("DAG", "day", "task", "state", "seconds", title="What Airflow ran")
    for dag, day in runs:
        console.print(f"[bold]{dag}[/] for {day}")
        for task in airflow.client.run(dag, day, on_task=_progress):
            table.add_row(dag, day, task["name"], task["state"], f"{task['seconds']:.1f}")
    console.print(table)


def _progress(task: str, state: str, seconds: float) -> None:
    console.print(f"  {task}: {state} in {seconds:.1f} s")


def _show(session: Session, root: str, airflow: LocalAirflow | None, started: float) -> None:
    console.print(evaluation_table(metrics_of_day(session, DAY)))
    recommender = Recommender(root)
    for words in QUERIES:
        found = recommender.search(words, 200)
        if found:
            query = recommender.most_popular([each.item_id for each in found])
            table = Table("item", "title", "category", "score", title=f"Like {query.title}", title_justify="left")
            for each in recommender.similar(query.item_id, 5):
                table.add_row(str(each.item_id), each.title, each.category, f"{each.score:.3f}")
            console.print(table)
    site = Path(root) / "_site"
    console.print(f"Report:     {site}/reports/{DAY}/index.html")
    console.print(f"Data Docs:  {site}/data_docs/{DAY}/index.html")
    if airflow is not None:
        console.print(f"Airflow UI: {airflow.url} until this ends; `make demo-up` starts it again and keeps it running")
    console.print(f"[green]Done in {time.monotonic() - started:.0f} s.[/]")


if __name__ == "__main__":
    typer.run(demo)
