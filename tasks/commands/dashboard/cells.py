"""One cell of the dashboard: what it says, or why it can't; a damaged document spoils its cell alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import structlog

Read = TypeVar("Read")

log = structlog.get_logger()


@dataclass(frozen=True)
class Cell:
    """What a cell says.

    Args:
        text: Its first line; empty where there is nothing.
        note: A second line, smaller.
        mark: ``good``, ``bad`` or nothing.
    """

    text: str = ""
    note: str = ""
    mark: str = ""


NOTHING = Cell()


def cell(read: Callable[[], Cell]) -> Cell:
    """What ``read`` returns, or that it could not be read and why."""
    return attempt(read, lambda fault: Cell("unreadable", fault, "bad"))


def attempt(read: Callable[[], Read], otherwise: Callable[[str], Read]) -> Read:
    """What ``read`` returns, or ``otherwise`` of the message of its failure."""
    try:
        return read()
    # Whatever a document holds or a storage says: the page is what people look at when something is wrong.
    except Exception as error:
        log.warning("dashboard", fault=str(error), kind=type(error).__name__)
        return otherwise(str(error) or type(error).__name__)
