"""What else the catalog says of an item: its categorical and numeric columns, such as brand and price.

The index holds only what every answer shows. The rest comes from the catalog that the index was made from, and is
opened when the explorer first shows an item.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pinsage.features.categorical import split_values
from pinsage.serving.categories import readable
from pinsage.store import Store, UnknownVersionError, Version

PREFIXES = ("categorical.", "numeric.")
# Of a table of hundreds of numbers nobody wants to read all.
MAX_COLUMNS = 12


@dataclass(frozen=True)
class ItemFacts:
    """Columns in row order of the index; none where the catalog is gone.

    Attributes:
        columns: By their names without prefix, texts and float64.
        separator: Of several values in one text.
    """

    columns: dict[str, pa.Array]
    separator: str = ""

    @classmethod
    def open(cls, store: Store, index: Version, item_ids: pa.ChunkedArray) -> ItemFacts:
        """Follow an index to its catalog, and take the newest row of every item.

        Args:
            store: Where the versions are.
            index: An ``index`` version.
            item_ids: Its items in row order.
        """
        try:
            features = store.input_of(index, "features")
            catalog = store.input_of(features, "catalog")
            tables = [_facts(store.version(uri)) for uri in catalog.json("partitions")["items"]]
        except (LookupError, UnknownVersionError):
            return cls({})
        if not tables:
            return cls({})
        facts = pa.concat_tables(tables, promote_options="permissive")
        rows = pc.index_in(facts.column("item_id"), value_set=item_ids.combine_chunks())
        held = np.flatnonzero(rows.is_valid().to_numpy())
        newest = np.full(len(item_ids), -1, dtype=np.int64)
        newest[rows.drop_null().to_numpy()] = held  # the later assignment wins
        taken = facts.take(pa.array(newest, mask=newest < 0))
        names = [name for name in taken.column_names if name != "item_id"][:MAX_COLUMNS]
        columns = {name.partition(".")[2]: taken.column(name).combine_chunks() for name in names}
        return cls(columns, str(features.manifest.config.get("categorical_separator", "")))

    def of(self, row: int) -> dict[str, str | float]:
        """What is known of a row; numbers stay numbers, and those that JSON has no word for are left out."""
        cells = ((name, column[row].as_py()) for name, column in self.columns.items())
        values = {
            name: readable(tuple(split_values(cell, self.separator))) if isinstance(cell, str) else cell
            for name, cell in cells
        }
        return {name: value for name, value in values.items() if _says(value)}


def _says(value: str | float | None) -> bool:
    return isfinite(value) if isinstance(value, float) else bool(value)


def _facts(items: Version) -> pa.Table:
    """Ids and facts of one partition."""
    schema = pq.read_schema(items.path("items"))
    names = [name for prefix in PREFIXES for name in schema.names if name.startswith(prefix)]
    table = items.table("items", columns=["item_id", *names])
    columns = {"item_id": table.column("item_id")}
    for name in names:
        column = table.column(name)
        columns[name] = column.cast(pa.float64()) if name.startswith(PREFIXES[1]) else column.cast(pa.string())
    return pa.table(columns)
