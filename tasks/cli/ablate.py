"""``pinsage ablate``: the comparisons of the paper, on one's own data."""

from typing import Annotated

import typer

from tasks.cli.app import Day, Json, Root, Settings, app, emit, open_session, progress_bar


@app.command()
def ablate(
    root: Root,
    day: Day,
    seeds: Annotated[int, typer.Option(min=1, max=100, help="Models of every row.")] = 3,
    tables: Annotated[str, typer.Option(help="Tables of the paper: 1 = parts, 3 = batch size, 4 = T.")] = "1,3,4",
    settings: Settings = [],  # noqa: B006  # typer wants a list
    as_json: Json = False,
) -> None:
    """Train and evaluate what the paper compares, and print its tables; finished models are found again."""
    from tasks.commands.ablate import ablate as run_ablation
    from tasks.commands.ablate import rows_of

    try:
        wanted = tuple(dict.fromkeys(int(table) if table.strip().isdecimal() else 0 for table in tables.split(",")))
        total = sum(len(rows_of(table)) for table in wanted) * seeds + 1
    except ValueError as error:
        raise typer.BadParameter(f"{tables!r}: {error}") from None
    session = open_session(root, settings)
    done = []
    with progress_bar() as bar:
        task = bar.add_task("ablate", total=total)
        for what, made in run_ablation(session, day, tables=wanted, num_seeds=seeds):
            done.append(made)
            bar.update(task, advance=1, description=what)
    version = done[-1]
    if as_json:
        emit({"version": version.uri, **version.json("results")})
    else:
        typer.echo(version.path("table").read_text(encoding="utf-8"))
