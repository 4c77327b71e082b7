"""The arrays of a version of ``neighborhoods``."""

from __future__ import annotations

from pinsage.store import Writer
from pinsage.walks.config import WalkConfig
from pinsage.walks.importance import Neighborhoods


def array_names(config: WalkConfig) -> list[str]:
    """``neighbors`` and ``importances``; where walks may end early, ``walks_made``, too."""
    return ["neighbors", "importances", *(["walks_made"] if config.enough_items else [])]


def write_chunk(out: Writer, rows: range, made: Neighborhoods, config: WalkConfig) -> None:
    """Write the arrays of some rows."""
    for name in array_names(config):
        out.write_array(name, getattr(made, name), rows=rows)
