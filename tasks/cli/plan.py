"""``pinsage plan``: what a run would do, and why."""

from dataclasses import asdict

from rich.table import Table
from rich.text import Text

from tasks.cli.app import Day, Json, Root, Settings, app, console, emit, open_session
from tasks.terminal_text import one_line, printable

SHOWN_REASONS, REASON_WIDTH = 5, 300
COLORS = {"up to date": "green", "runs": "bold yellow", "follows": "yellow"}


@app.command()
def plan(
    root: Root,
    day: Day,
    settings: Settings = [],  # noqa: B006  # typer wants a list
    as_json: Json = False,
) -> None:
    """Show which stages of a day would run and why, and which are up to date; nothing is done."""
    from tasks.kept_settings import changed_settings
    from tasks.plan import nothing_held_out
    from tasks.plan import plan as plan_day

    session = open_session(root, settings)
    steps, unmeasured = plan_day(session, day), nothing_held_out(session, day)
    notes = [*([unmeasured] if unmeasured else []), *changed_settings(session)]
    if as_json:
        emit({"day": day, "steps": [asdict(step) for step in steps], "notes": notes})
        return
    table = Table("stage", "day", "state", "why", title=f"plan {day}")
    for step in steps:
        why = [*step.why[:SHOWN_REASONS]]
        if len(step.why) > SHOWN_REASONS:
            why.append(f"and {len(step.why) - SHOWN_REASONS} more")
        if step.state == "follows":
            why.append("if an input that is made anew changes")
        why_text = Text("\n".join(one_line(reason, REASON_WIDTH) for reason in why), overflow="fold")
        table.add_row(step.stage, step.day, f"[{COLORS[step.state]}]{step.state}[/]", why_text)
    console.print(table)
    for note in notes:
        console.print("[bold yellow]note[/]", end=" ")
        console.print(printable(note), markup=False)
