"""The reference of the command line, from the commands themselves."""

from __future__ import annotations

import html

import typer
from typer.cli import get_docs_for_click

from tasks.cli.app import app

HEAD = """# Command line

`pinsage COMMAND --help` prints the same. Expected errors are one line on standard error and exit code 1; see
[When something fails](../operations.md#when-something-fails).

| command | purpose |
|---|---|
"""


def command_line_page() -> str:
    """Every command with its arguments and options, as Markdown."""
    import tasks.cli  # noqa: F401  # registers the commands

    program = typer.main.get_command(app)
    context = typer.Context(program, info_name="pinsage")
    commands = program.commands  # type: ignore[attr-defined]
    # Its help lists every setting; that is a page of its own.
    commands["config"].help = (
        commands["config"].help.splitlines()[0] + " The settings: [Settings](../configuration.md)."
    )
    rows, sections = [], []
    for name, command in commands.items():
        for parameter in command.params:
            parameter.help = html.escape(getattr(parameter, "help", None) or "", quote=False)
        rows.append(f"| [`pinsage {name}`](#pinsage-{name}) | {command.help.splitlines()[0]} |")
        sections.append(get_docs_for_click(obj=command, ctx=context, indent=1, name=name, call_prefix="pinsage"))
    return HEAD + "\n".join(rows) + "\n\n" + "\n".join(sections)
