"""``pinsage doctor``."""

from dataclasses import asdict

import typer
from rich.table import Column, Table
from rich.text import Text

from tasks.cli.app import Json, Root, Settings, app, console, emit, parse_settings
from tasks.runtime.terminal_text import printable

COLORS = {"ok": "green", "warning": "yellow", "failed": "bold red", "skipped": "dim"}


@app.command()
def doctor(
    root: Root,
    settings: Settings = [],  # noqa: B006  # typer wants a list
    as_json: Json = False,
) -> None:
    """Examine the deployment that this machine is part of; exit code 1 when something is broken."""
    from tasks.commands.doctor import examine

    checks = list(examine(root, parse_settings(settings)))
    if as_json:
        emit([asdict(check) for check in checks])
    else:
        table = Table("check", "state", Column("found", overflow="fold"), Column("what to do", overflow="fold"))
        for check in checks:
            said = (Text(printable(text)) for text in (check.found, check.advice))
            table.add_row(check.name, f"[{COLORS[check.state]}]{check.state}[/]", *said)
        console.print(table)
    raise typer.Exit(1 if any(check.state == "failed" for check in checks) else 0)
