"""Tables: columns, nullability, units, and the rules that Great Expectations judges. Writers and readers use them."""

from schemas.engagements import ENGAGEMENTS
from schemas.items import ITEMS
from schemas.saves import SAVES
from schemas.table import Table

__all__ = ["ENGAGEMENTS", "ITEMS", "SAVES", "TABLES", "Table"]

TABLES: dict[str, Table] = {table.name: table for table in (ITEMS, SAVES, ENGAGEMENTS)}
"""All of them by name, in the order in which they are validated."""
