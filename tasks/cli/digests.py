"""``pinsage digests``: what a store holds, so that two stores can be compared."""

import re

import typer

from tasks.cli.app import Json, Root, app, emit, open_session

COMMIT = re.compile(r"(?P<slot>.+)/_commits/(?P<fingerprint>[^/]+)\.json")


@app.command()
def digests(root: Root, as_json: Json = False) -> None:
    """List the content digest of every version; stores that hold the same print the same."""
    store = open_session(root, []).store
    commits = sorted(filter(None, (COMMIT.fullmatch(info.key) for info in store.objects.walk(""))), key=lambda m: m[0])
    held = [(commit["slot"], store.version(f"{commit['slot']}/{commit['fingerprint']}")) for commit in commits]
    lines = sorted((slot, version.content_digest) for slot, version in held)
    if as_json:
        emit([{"version": slot, "content_digest": digest} for slot, digest in lines])
        return
    for slot, digest in lines:
        typer.echo(f"{slot} {digest}")
