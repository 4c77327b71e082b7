"""``pinsage plan``: what a run would do, and why."""

import re
from collections.abc import Sequence
from dataclasses import asdict

from rich.table import Table
from rich.text import Text

from tasks.cli.app import Day, Json, Root, Settings, app, console, emit, open_session
from tasks.runtime.days import days_named
from tasks.runtime.terminal_text import one_line, printable

SHOWN_REASONS, REASON_WIDTH = 5, 300
PARTITION = re.compile(r"(raw/[a-z]+)/(\d{4}-\d\d-\d\d)\b")
COLORS = {"up to date": "green", "runs": "bold yellow", "follows": "yellow"}


@app.command()
def plan(
    root: Root,
    day: Day,
    settings: Settings = [],  # noqa: B006  # typer wants a list
    as_json: Json = False,
) -> None:
    """Show which stages of a day would run and why, and which are up to date; nothing is done."""
    from tasks.flow.kept_settings import changed_settings
    from tasks.flow.plan import nothing_held_out
    from tasks.flow.plan import plan as plan_day

    session = open_session(root, settings)
    steps, unmeasured = plan_day(session, day), nothing_held_out(session, day)
    notes = [*([unmeasured] if unmeasured else []), *changed_settings(session)]
    if as_json:
        emit({"day": day, "steps": [asdict(step) for step in steps], "notes": notes})
        return
    table = Table("stage", "day", "state", "why", title=f"plan {day}")
    for step in steps:
        why = grouped(step.why)
        if len(why) > SHOWN_REASONS:
            why[SHOWN_REASONS:] = [f"and {len(why) - SHOWN_REASONS} more; --json lists all"]
        if step.state == "follows":
            why.append("if an input that is made anew changes")
        why_text = Text("\n".join(one_line(reason, REASON_WIDTH) for reason in why), overflow="fold")
        table.add_row(step.stage, step.day, f"[{COLORS[step.state]}]{step.state}[/]", why_text)
    console.print(table)
    for note in notes:
        console.print("[bold yellow]note[/]", end=" ")
        console.print(printable(note), markup=False)


def grouped(reasons: Sequence[str]) -> list[str]:
    """The reasons, those that are the same for many days of a table once, with the number and span of the days."""
    groups: dict[tuple[str, str], list[str]] = {}
    for reason in reasons:
        partition = PARTITION.match(reason)
        table, day = partition.groups() if partition else ("", "")
        groups.setdefault((table, reason.replace(f"{table}/{day}", "{}") if partition else reason), []).append(day)
    return [
        _named(table, days, reason) if table and len(days) > 1 else reason.replace("{}", f"{table}/{days[0]}")
        for (table, reason), days in groups.items()
    ]


def _named(table: str, days: list[str], reason: str) -> str:
    said = reason.removeprefix("{}").removeprefix(":").strip().replace("input {} changed", "the delivery changed")
    return f"{table}, {days_named(sorted(days))}: {said.replace('is new', 'new')}"
