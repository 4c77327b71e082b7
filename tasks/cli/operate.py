"""Commands of the people who run it: ``pinsage rollback | pin | unpin | gc | drop | config``."""

from typing import Annotated

import typer

from tasks.cli.app import Json, Root, Settings, app, console, emit, open_session, parse_settings, two_columns
from tasks.commands.config_docs import configuration_help, configuration_page


@app.command()
def rollback(
    root: Root,
    name: Annotated[str, typer.Option(help="published or champion.")] = "published",
    as_json: Json = False,
) -> None:
    """Point ``published`` (or ``champion``) to the version it pointed to before."""
    from tasks.publish.rollback import rollback as roll_back

    entry = roll_back(open_session(root, []).store, name)
    emit(entry.model_dump()) if as_json else console.print(f"{name} is now {entry.uri} (number {entry.number})")


@app.command()
def pin(
    uri: Annotated[str, typer.Argument(help="<dataset>/<partition>/<fingerprint> of the version to keep.")],
    root: Root,
    name: Annotated[str | None, typer.Option(help="Name of the pin; made from the URI when left out.")] = None,
    as_json: Json = False,
) -> None:
    """Keep a version, and what it was made from, from garbage collection."""
    from pinsage.store.pins import pin as pin_version

    entry = pin_version(open_session(root, []).store, uri, name)
    emit(entry.model_dump()) if as_json else console.print(f"{entry.uri} is kept as {entry.name}")


@app.command()
def unpin(
    name: Annotated[str, typer.Argument(help="Name of the pin; `pinsage status` lists them.")],
    root: Root,
    as_json: Json = False,
) -> None:
    """Leave a pinned version to the garbage collection again."""
    from pinsage.store.pins import unpin as unpin_version

    unpin_version(open_session(root, []).store, name)
    emit({"unpinned": name}) if as_json else console.print(f"{name} is no longer pinned")


@app.command()
def gc(
    root: Root,
    yes: Annotated[bool, typer.Option("--yes", help="Delete; without it the plan is only printed.")] = False,
    keep: Annotated[int, typer.Option(min=0, help="Newest commits of each partition that are kept.")] = 2,
    grace_hours: Annotated[float, typer.Option(min=0, help="Younger objects are kept.")] = 24.0,
    as_json: Json = False,
) -> None:
    """Remove versions that no reference reaches; prints first, deletes on --yes."""
    from pinsage.store.garbage import collect_garbage, plan_garbage
    from tasks.runtime.stages import INTERMEDIATE

    store = open_session(root, []).store
    plan = plan_garbage(store, keep=keep, grace_seconds=grace_hours * 3600, intermediate=INTERMEDIATE)
    if yes:
        collect_garbage(store, plan, grace_seconds=grace_hours * 3600)
    result = {"removed": yes, "versions": list(plan.versions), "objects": len(plan.keys), "bytes": plan.num_bytes}
    if as_json:
        emit(result)
        return
    for uri in plan.versions:
        console.print(uri, markup=False)
    said = "Removed" if yes else "Would remove, with --yes"
    console.print(f"{said}: {len(plan.versions):,} versions, {len(plan.keys):,} objects, {plan.num_bytes:,} bytes")


@app.command()
def drop(
    uri: Annotated[str, typer.Argument(help="<dataset>/<partition>/<fingerprint>, or the key of a reference.")],
    root: Root,
    as_json: Json = False,
) -> None:
    """Forget one damaged version or reference, so that its stage runs again; roll back first if it is published."""
    from pinsage.store.garbage import drop_version

    drop_version(open_session(root, []).store, uri)
    emit({"dropped": uri}) if as_json else console.print(f"{uri} is dropped; run its stage again")


@app.command(help=configuration_help())
def config(
    settings: Settings = [],  # noqa: B006  # typer wants a list
    markdown: Annotated[bool, typer.Option("--markdown", help="Print every field with its range and meaning.")] = False,
    as_json: Json = False,
) -> None:
    """Print the configuration in force: defaults, file, environment and --set."""
    from tasks.runtime.config import load_config

    if markdown:
        typer.echo(configuration_page())
        return

    values = load_config(parse_settings(settings)).model_dump(mode="json")
    if as_json:
        emit(values)
        return
    for section, fields in values.items():
        console.print(two_columns(section, fields))
