"""What every command shares: the app, its options, the session, and how answers are printed."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, is_dataclass
from importlib import metadata
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from pinsage.extras import DISTRIBUTION
from tasks.runtime.progress import terminal
from tasks.runtime.session import Session
from tasks.runtime.terminal_text import printable

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="PinSage, from raw saves to a served index.",
)
console = Console()
errors = terminal

Root = Annotated[
    str,
    typer.Option(envvar="PINSAGE_ROOT", help="Store root: a local folder, s3://bucket/prefix or gs://bucket/prefix."),
]
Day = Annotated[str, typer.Option(help="The day the run is for, YYYY-MM-DD.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]
Settings = Annotated[
    list[str],
    typer.Option("--set", help="A setting, such as --set walks.top_t=20; repeatable; `config --help` lists all."),
]


def open_session(root: str, settings: list[str], *, new: bool = False) -> Session:
    """Open the store with ``section.field=value`` settings.

    Args:
        root: Store root.
        settings: What ``--set`` was given.
        new: Whether the store may not be there yet.

    Raises:
        FileNotFoundError: There is no such folder.
    """
    return Session.open(existing(root, new=new), parse_settings(settings))


def existing(root: str, *, new: bool = False) -> str:
    """Return a root that is there, or with ``new`` may be made: a mistyped one must not become an empty store.

    Raises:
        FileNotFoundError: There is no such folder.
    """
    if root.strip() and "://" not in root and not (Path(root).is_dir() or (new and not Path(root).exists())):
        expected = "a folder" if new else "a folder that `pinsage ingest` made"
        raise FileNotFoundError(f"store root {root}: expected {expected}; check --root or PINSAGE_ROOT")
    return root


def parse_settings(settings: list[str]) -> dict[str, Any]:
    """Read ``section.field=value`` settings; values are JSON where they parse as JSON."""
    overrides: dict[str, Any] = {}
    for setting in settings:
        name, separator, value = setting.partition("=")
        if not separator:
            raise typer.BadParameter(f"{setting!r}: expected section.field=value")
        try:
            overrides[name] = json.loads(value)
        except json.JSONDecodeError:
            overrides[name] = value
    return overrides


def emit(value: Any) -> None:
    """Print ``value`` as JSON, in ASCII: no control character reaches a terminal, and every encoding can hold it."""
    plain = asdict(value) if is_dataclass(value) and not isinstance(value, type) else value
    typer.echo(json.dumps(plain, indent=2, default=str))


def two_columns(title: str, values: dict[str, Any]) -> Table:
    """A table of names and values."""
    table = Table(title=title, show_header=False)
    for name, value in values.items():
        table.add_row(name, Text(printable(str(value)), overflow="fold"))
    return table


def note(message: str) -> None:
    """Tell a person what is odd, on standard error."""
    errors.print("[bold yellow]note[/]", end=" ")
    errors.print(printable(message), markup=False)


def show_version(wanted: bool) -> None:
    """Print the version of the installed distribution and end."""
    if wanted:
        typer.echo(f"pinsage {metadata.version(DISTRIBUTION)}")
        raise typer.Exit


@app.callback()
def every_command(
    version: Annotated[
        bool, typer.Option("--version", callback=show_version, is_eager=True, help="Print the version and end.")
    ] = False,
) -> None:
    """PinSage, from raw saves to a served index."""


@contextmanager
def progress_bar() -> Iterator[Progress]:
    """A bar on a terminal, above which the log scrolls; nothing where nobody looks."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=errors, disable=not errors.is_terminal) as bar:
        yield bar
