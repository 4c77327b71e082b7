"""Files between those of the store that are none of its: of file managers, editors and synchronisation."""

from __future__ import annotations

from functools import cache

import structlog

log = structlog.get_logger()


@cache
def pass_over(key: str) -> None:
    """Say, once a process, that a file is no part of the store and nothing comes of it."""
    log.warning("no file of the store, passed over; it may be removed", file=key)
