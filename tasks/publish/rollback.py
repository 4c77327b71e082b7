"""Going back to the version that a reference pointed to before, and asking what was gone back from."""

from __future__ import annotations

from pinsage.store import Reference, Store

NAMES = ("published", "champion")


def rollback(store: Store, name: str) -> Reference:
    """Point ``name`` to the version in force before the present one; again, to the one before that.

    Raises:
        ValueError: The reference is none that is rolled back.
        LookupError: There is no earlier version.
        ReferenceMovedError: Somebody pointed it elsewhere meanwhile.
    """
    if name not in NAMES:
        raise ValueError(f"reference {name!r} is not rolled back; expected {' or '.join(NAMES)}")
    log = store.ref(name)
    history = log.history()
    in_force = _in_force(history)
    if len(in_force) < 2:
        raise LookupError(f"reference {name}: there is no earlier version to go back to")
    present, earlier = in_force[-1], in_force[-2]
    return log.append(earlier.uri, after=history[-1].number, details={"rollback_of": present.number})


def rolled_back(history: list[Reference], uri: str) -> Reference | None:
    """The rollback that took ``uri`` out of force, unless it was pointed to again since."""
    chosen = [entry.number for entry in history if entry.uri == uri and "rollback_of" not in entry.details]
    return next((entry for entry in history if chosen and entry.details.get("rollback_of") == chosen[-1]), None)


def _in_force(history: list[Reference]) -> list[Reference]:
    """The entries that are left when every rollback undoes the entry that it went back from."""
    left: list[Reference] = []
    for entry in history:
        if "rollback_of" in entry.details:
            left = [each for each in left if each.number != entry.details["rollback_of"]]
        elif not left or left[-1].uri != entry.uri:
            left.append(entry)
    return left
