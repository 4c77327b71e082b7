"""``pinsage plan``: what a run would do, and why."""

from dataclasses import asdict

from rich.markup import escape
from rich.table import Column, Table

from tasks.cli.app import Day, Json, Root, Settings, app, console, emit, open_session

SHOWN_REASONS = 5
COLORS = {"up to date": "green", "runs": "bold yellow", "follows": "yellow"}


@app.command()
def plan(
    root: Root,
    day: Day,
    settings: Settings = [],  # noqa: B006  # typer wants a list
    as_json: Json = False,
) -> None:
    """Show which stages of a day would run and why, and which are up to date; nothing is done."""
    from tasks.plan import nothing_held_out
    from tasks.plan import plan as plan_day

    session = open_session(root, settings)
    steps, note = plan_day(session, day), nothing_held_out(session, day)
    if as_json:
        emit({"day": day, "steps": [asdict(step) for step in steps], "notes": [note] if note else []})
        return
    table = Table("stage", "day", "state", Column("why", overflow="fold"), title=f"plan {day}")
    for step in steps:
        why = [*step.why[:SHOWN_REASONS]]
        if len(step.why) > SHOWN_REASONS:
            why.append(f"and {len(step.why) - SHOWN_REASONS} more")
        if step.state == "follows":
            why.append("if an input that is made anew changes")
        table.add_row(step.stage, step.day, f"[{COLORS[step.state]}]{step.state}[/]", escape("\n".join(why)))
    console.print(table)
    if note:
        console.print("[bold yellow]note[/]", end=" ")
        console.print(note, markup=False)
