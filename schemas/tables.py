"""All tables by name."""

from schemas.engagements import ENGAGEMENTS
from schemas.items import ITEMS
from schemas.saves import SAVES
from schemas.table import Table

TABLES: dict[str, Table] = {table.name: table for table in (ITEMS, SAVES, ENGAGEMENTS)}
"""In the order in which they are validated."""
