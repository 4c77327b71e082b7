"""The command that answers over HTTP: ``pinsage serve``."""

from typing import Annotated, Any

import typer

from tasks.cli.app import Root, Settings, app, errors, existing, parse_settings


@app.command()
def serve(
    root: Root,
    host: Annotated[str | None, typer.Option(help="Address to listen on; default: serving.host.")] = None,
    port: Annotated[
        int | None, typer.Option(help="Port to listen on, 0 = any free one; default: serving.port.")
    ] = None,
    settings: Settings = [],  # noqa: B006  # typer wants a list
) -> None:
    """Serve the published index and the explorer page; goes over to new versions by itself."""
    from pinsage.serving.recommender import Recommender
    from pinsage.serving.service.server import serve as serve_forever
    from tasks.runtime.config import load_config

    given: dict[str, Any] = {"serving.host": host, "serving.port": port}
    overrides = {name: value for name, value in given.items() if value is not None}
    config = load_config({**parse_settings(settings), **overrides}).serving
    recommender = Recommender(existing(root), config)
    serve_forever(
        recommender,
        config,
        on_listening=lambda url: errors.print(f"{recommender.version} at {url} (API: {url}docs); Ctrl-C ends it"),
    )
