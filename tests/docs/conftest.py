"""A small store with planted communities, as the pages speak of one: built once, copied for each of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
import pytest

from tests.docs.blocks import Block
from tests.docs.reader import Reader

DAY = "2026-03-20"
ITEMS, BOARDS, SAVES, COMMUNITIES = 600, 400, 6_000, 10
SMALL = """
[training]
epochs = 2
epoch_steps = 20
batch_pairs = 256
shared_negatives = 200
[evaluation]
holdout_days = 3
[index]
num_queries = 100
[pairs]
graph_lag_days = 2
"""


def write_deliveries(folder: Path) -> None:
    """items.parquet and saves.csv with the columns that the README names."""
    random = np.random.default_rng(11)
    rows = np.arange(ITEMS)
    centers = random.normal(size=(COMMUNITIES, 8))
    vectors = (centers[rows % COMMUNITIES] + random.normal(size=(ITEMS, 8))).astype(np.float32)
    items = {
        "item_id": [f"item-{row}" for row in rows],
        "title": [f"word{row % COMMUNITIES} thing {row}" for row in rows],
        "brand": [("acme", "kitchen", "other")[row % 3] for row in rows],
        "price": random.uniform(1, 100, ITEMS),
        "embedding": pa.FixedSizeListArray.from_arrays(pa.array(vectors.reshape(-1)), 8),
    }
    pq.write_table(pa.table(items), folder / "items.parquet")
    boards = random.integers(0, BOARDS, SAVES)
    saved = random.integers(0, ITEMS // COMMUNITIES, SAVES) * COMMUNITIES + boards % COMMUNITIES
    moments = np.datetime64("2026-03-01T00:00:00", "us") + random.integers(0, 20 * 86_400, SAVES).astype(
        "timedelta64[s]"
    )
    saves = {
        "collection_id": [f"board-{board}" for board in boards],
        "item_id": [f"item-{row}" for row in saved],
        "ts": pa.array(moments),
    }
    pacsv.write_csv(pa.table(saves), folder / "saves.csv")


@pytest.fixture(scope="session")
def small_settings(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment in which a training takes seconds."""
    path = tmp_path_factory.mktemp("settings") / "small.toml"
    path.write_text(SMALL)
    return {"PINSAGE_CONFIG": str(path)}


@pytest.fixture(scope="session")
def desk(tmp_path_factory: pytest.TempPathFactory, small_settings: dict[str, str]) -> Path:
    """A folder with deliveries and the store that they make, also under the other names that pages call it by."""
    folder = tmp_path_factory.mktemp("desk")
    write_deliveries(folder)
    with Reader(folder, small_settings) as reader:
        for arguments in (
            "ingest --root store --items items.parquet --saves saves.csv --board-id collection_id --timestamp ts "
            "--title title --categorical brand --numeric price --vector image=embedding",
            f"run all --day {DAY} --root store",
        ):
            reader.follow(Block("desk", 0, "bash", None, f"pinsage {arguments}", ""))
    (folder / "R").symlink_to("store")
    return folder
