"""Named places where a test may kill the process, as a machine may die at any of them.

``PINSAGE_FAILPOINT=<name>`` kills the process with SIGKILL on reaching the named place; ``<name>:3`` on the third
time; ``none`` counts only. Without the variable a failpoint costs one dictionary look-up.
"""

from __future__ import annotations

import os
import signal
import threading

FAILPOINTS = (
    "put.before",
    "put.staged",
    "put.synced",
    "put.linked",
    "put.done",
    "chunk.before_data",
    "chunk.after_data",
    "chunk.after_record",
    "commit.before",
    "commit.verified",
    "commit.after",
    "spill.before_facts",
    "reference.before",
    "reference.after",
    "garbage.before_delete",
    "garbage.after_delete",
)

_reached: dict[str, int] = {}
_counting = threading.Lock()


def failpoint(name: str) -> None:
    """Die here with SIGKILL when ``PINSAGE_FAILPOINT`` names this place."""
    wanted = os.environ.get("PINSAGE_FAILPOINT")
    if not wanted:
        return
    assert name in FAILPOINTS, name
    with _counting:
        time = _reached[name] = _reached.get(name, 0) + 1
    target, _, count = wanted.partition(":")
    if target == name and time == int(count or 1):
        os.kill(os.getpid(), signal.SIGKILL)


def reached() -> list[str]:
    """Every place that this process reached while ``PINSAGE_FAILPOINT`` was set, as ``<name>:<time>``."""
    return [f"{name}:{time}" for name, count in _reached.items() for time in range(1, count + 1)]
