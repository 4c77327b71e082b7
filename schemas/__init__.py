"""Tables: columns, nullability, units, and the rules that Great Expectations judges. Writers and readers use them."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from schemas.engagements import ENGAGEMENTS
    from schemas.items import ITEMS
    from schemas.saves import SAVES
    from schemas.table import Table
    from schemas.tables import TABLES

__all__ = ["ENGAGEMENTS", "ITEMS", "SAVES", "TABLES", "Table"]

_HOMES = {
    "ENGAGEMENTS": "schemas.engagements",
    "ITEMS": "schemas.items",
    "SAVES": "schemas.saves",
    "TABLES": "schemas.tables",
    "Table": "schemas.table",
}


def __getattr__(name: str) -> Any:
    """Import a table when it is first asked for: the settings beside them are read where no Arrow is wanted."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)
