"""``pinsage doctor``."""

from dataclasses import asdict

import typer
from rich.markup import escape
from rich.table import Column, Table

from tasks.cli.app import Json, Root, Settings, app, console, emit, parse_settings

COLORS = {"ok": "green", "warning": "yellow", "failed": "bold red", "skipped": "dim"}


@app.command()
def doctor(
    root: Root,
    settings: Settings = [],  # noqa: B006  # typer wants a list
    as_json: Json = False,
) -> None:
    """Examine the deployment that this machine is part of; exit code 1 when something is broken."""
    from tasks.doctor import examine

    checks = list(examine(root, parse_settings(settings)))
    if as_json:
        emit([asdict(check) for check in checks])
    else:
        table = Table("check", "state", Column("found", overflow="fold"), Column("what to do", overflow="fold"))
        for check in checks:
            table.add_row(
                check.name, f"[{COLORS[check.state]}]{check.state}[/]", escape(check.found), escape(check.advice)
            )
        console.print(table)
    raise typer.Exit(1 if any(check.state == "failed" for check in checks) else 0)
