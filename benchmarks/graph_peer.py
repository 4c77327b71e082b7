"""The same CSR both ways with pandas and scipy, in memory, for `benchmarks.graph` to measure: ROOT CATALOG."""

from __future__ import annotations

import sys

import numpy as np
import pandas as pd
import pyarrow as pa
from scipy import sparse

from pinsage.store import Store

if __name__ == "__main__":
    root, catalog = sys.argv[1:]
    store = Store.open(root)
    listed = store.version(catalog).json("partitions")
    tables = [store.version(uri).table("saves", ["board_id", "item_id"]) for uri in listed["saves"]]
    saves = pa.concat_tables(tables).to_pandas()
    items = pa.concat_tables([store.version(uri).table("items", ["item_id"]) for uri in listed["items"]]).to_pandas()
    boards, board_ids = pd.factorize(saves["board_id"])
    item_rows = pd.Index(items["item_id"]).get_indexer(pd.Index(saves["item_id"]))
    ones = np.ones(len(saves), np.int8)
    item_side = sparse.coo_array((ones, (item_rows, boards)), shape=(len(items), len(board_ids))).tocsr()
    item_side.sum_duplicates()
    board_side = item_side.tocsc()
    print(item_side.nnz, board_side.nnz, file=sys.stderr)
