"""``pinsage run``: a whole day, or one stage of it."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.table import Column, Table

from tasks.cli.app import Day, Json, Root, Settings, app, console, emit, errors, open_session, progress_bar

if TYPE_CHECKING:
    from tasks.pipeline import Step
    from tasks.session import Session

HOW = {True: "[yellow]made[/]", False: "[green]found[/]", None: ""}


@app.command()
def run(
    root: Root,
    day: Day,
    stage: Annotated[str, typer.Argument(help="all, prepare, train, publish, or one stage by its name.")] = "all",
    settings: Settings = [],  # noqa: B006  # typer wants a list
    force: Annotated[bool, typer.Option("--force", help="Publish although a newer day is published.")] = False,
    as_json: Json = False,
) -> None:
    """Run a whole day, or all stages of prepare, train or publish up to one by its name.

    Finished work is found and not done again. train needs two earlier days prepared: the as-of day,
    evaluation.holdout_days before the day, and the day of the graph that is trained on, pairs.graph_lag_days before
    that; all prepares every one.
    """
    from tasks.pipeline import steps_of

    session = open_session(root, settings)
    steps, stages = steps_of(session, stage, day, force=force)
    done = []
    with progress_bar() as bar:
        task = bar.add_task(stages[0], total=len(stages))
        # What is shown is the stage at work; after the last one, that it is done.
        for step, following in zip(steps, (*stages[1:], "done"), strict=True):
            done.append(step)
            if step.stage == "build_catalog":
                _data_docs(session, step)
            bar.update(task, advance=1, description=following)
    if as_json:
        emit({"day": day, "steps": [asdict(step) for step in done]})
        return
    table = Table("stage", "day", "", Column("result", overflow="fold"), title=f"{stage} {day}")
    for step in done:
        table.add_row(step.stage, step.day, HOW[step.new], escape(step.made))
    console.print(table)
    for step in done:
        if step.in_force is False:
            errors.print(f"[bold yellow]note[/] {step.stage} {step.day}:", end=" ")
            errors.print(step.made, markup=False)


def _data_docs(session: "Session", catalog: "Step") -> None:
    """Build the day's Data Docs where they are not those of its catalog."""
    from tasks.validation.data_docs import data_docs_catalog, write_data_docs

    if data_docs_catalog(session, catalog.day) != catalog.made:
        write_data_docs(session, catalog.day, session.store.version(catalog.made))
