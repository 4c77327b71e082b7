"""``pinsage run``: a whole day, or one stage of it."""

import shlex
import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from tasks.cli.app import (
    Day,
    Json,
    Root,
    Settings,
    app,
    console,
    emit,
    note,
    open_session,
    progress_bar,
)
from tasks.runtime.terminal_text import printable

if TYPE_CHECKING:
    from tasks.flow.run import Step
    from tasks.runtime.session import Session

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
    from tasks.flow.kept_settings import changed_settings
    from tasks.flow.run import steps_of

    started = time.monotonic()
    session = open_session(root, settings)
    steps, stages = steps_of(session, stage, day, force=force)
    notes = changed_settings(session)
    for sentence in notes:
        note(sentence)
    done: list[tuple[Step, float]] = []
    with progress_bar() as bar:
        task = bar.add_task(stages[0], total=len(stages))
        began = time.monotonic()
        # What is shown is the stage at work; after the last one, that it is done.
        for step, following in zip(steps, (*stages[1:], "done"), strict=True):
            done.append((step, time.monotonic() - began))
            began = time.monotonic()
            bar.update(task, advance=1, description=following)
    seconds = time.monotonic() - started
    if as_json:
        listed = [{**asdict(step), "seconds": round(spent, 3)} for step, spent in done]
        emit({"day": day, "steps": listed, "seconds": round(seconds, 3), "notes": notes})
        return
    table = Table("stage", "day", "", "seconds", title=f"{stage} {day}")
    table.columns[-1].justify = "right"
    for step, spent in done:
        table.add_row(step.stage, step.day, HOW[step.new], f"{spent:.1f}")
    table.add_row("all", "", "", f"{seconds:.1f}", style="bold")
    console.print(table)
    for step, _ in done:
        if step.in_force is False:
            note(f"{step.stage} {step.day}: {step.made}")
    for sentence in notes:
        note(sentence)
    _summary(session, root, day, [step for step, _ in done])


def _summary(session: "Session", root: str, day: str, done: "list[Step]") -> None:
    """How good the model is, what is published, and what to do next."""
    from tasks.evaluate.evaluation_table import evaluation_table

    for step in done:
        if step.stage == "evaluate_model":
            console.print(evaluation_table(session.store.version(step.made).json("metrics")))
        if step.new is None and step.stage in ("promote_model", "publish_index") and step.in_force:
            console.print(f"{step.stage}: {printable(step.made)}", markup=False, highlight=False)
    for line in next_steps(session, root, day, [step.stage for step in done]):
        console.print(printable(line), markup=False, highlight=False, soft_wrap=True)


def next_steps(session: "Session", root: str, day: str, stages: list[str]) -> list[str]:
    """What is published, and the commands that follow on a run of ``stages``.

    Args:
        session: The store.
        root: As it was given, for commands to copy.
        day: The run's.
        stages: Those that the run has done.
    """
    store, at = session.store, f"--root {shlex.quote(root)}"
    head = store.ref("published").head()
    site = f"{store.root}/_site"
    lines = [f"published: {head.uri} (number {head.number})" if head is not None else "published: nothing yet"]
    if "write_report" in stages:
        lines.append(f"report:    {site}/reports/{day}/index.html")
    if "data_docs" in stages:
        lines.append(f"Data Docs: {site}/data_docs/{day}/index.html")
    if head is None or "publish_index" not in stages:
        missing = "publish" if store.ref("champion").head() is not None and "record_prepared" in stages else "all"
        return [*lines, f"next:      pinsage run {missing} --day {day} {at}"]
    commands = [f"pinsage search WORDS {at}", f"pinsage recommend ITEM {at}", f"pinsage serve {at}"]
    return [*lines, f"next:      {commands[0]}", *(f"           {command}" for command in commands[1:])]
