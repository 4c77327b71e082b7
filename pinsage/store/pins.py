"""Pins: versions that garbage collection keeps, with all that they were made from, until they are unpinned.

A pin is a reference ``pins/<name>``; it is the one kind of reference that is taken away again.
"""

from __future__ import annotations

from pinsage.store.errors import UnknownVersionError
from pinsage.store.names import check_name
from pinsage.store.references import FOLDER as REFERENCES
from pinsage.store.references import Reference
from pinsage.store.store import Store

PINS = "pins"


def pin(store: Store, uri: str, name: str | None = None) -> Reference:
    """Keep a version.

    Args:
        store: Where it lies.
        uri: The version.
        name: Of the pin; its URI with dots where None. A pin of the same name is moved.

    Raises:
        UnknownVersionError: There is no such version.
    """
    store.version(uri)
    return store.ref(f"{PINS}/{check_name(name or uri.replace('/', '.'), 'pin')}").point_to(uri)


def unpin(store: Store, name: str) -> None:
    """Leave a version to the garbage collection again.

    Raises:
        UnknownVersionError: There is no such pin; the message lists those that are.
    """
    known = pins(store)
    if name not in known:
        raise UnknownVersionError(f"pin {name!r} does not exist in {store.root}; pins: {', '.join(known) or 'none'}")
    for info in list(store.objects.walk(f"{REFERENCES}/{PINS}/{name}")):
        store.objects.delete(info.key)


def pins(store: Store) -> dict[str, str]:
    """The pinned versions: name -> URI."""
    heads = {name: store.ref(f"{PINS}/{name}").head() for name in store.ref_names(PINS)}
    return {name: head.uri for name, head in heads.items() if head is not None}
