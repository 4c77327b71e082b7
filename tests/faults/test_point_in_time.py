"""A day knows nothing of later ones, and all of a corrected one: the versions of every stage, by content digest."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from tasks.data.ingest import ingest
from tasks.data.ingestion.mapping import IngestMapping
from tasks.runtime.session import Session
from tests.faults.fork_server import ForkServer
from tests.faults.stages import DAY, SETTINGS, THIS, CalmDay, copy, state

MAPPING = {"board_id": "collection", "timestamp": "ts", "vectors": {"image": "embedding"}}
CORRECTED = "2026-03-05"
# What is made from the saves of a day, up to the model; what follows depends on the champion, and so on the past.
UP_TO_THE_MODEL = {
    "raw/saves", "validated/saves", "catalog", "graph", "features", "neighborhoods", "prepared", "pairs",
    "holdout_pairs", "hard_negatives", "checkpoints/model", "model",
}  # fmt: skip
AFTER_IT = {
    "evaluation", "model_features", "embedding_layers", "embeddings", "index_shards", "index", "report",
}  # fmt: skip

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


def test_rows_of_later_days_change_no_version(calm: CalmDay, forks: ForkServer, memory_folder: Path) -> None:
    root, data = memory_folder / "store", Path(calm.data)
    later = [datetime.fromisoformat(DAY).replace(tzinfo=UTC) + timedelta(days=1 + row % 5) for row in range(200)]
    known = [f"item-\u00e9{row % 600:05d}" for row in range(200)]
    pq.write_table(
        pa.table({"collection": [f"new {row % 9}" for row in range(200)], "item_id": known, "ts": later}),
        memory_folder / "saves.parquet",
    )
    pq.write_table(
        pa.table({"query_id": known, "item_id": known[::-1], "ts": later}), memory_folder / "engagements.parquet"
    )
    items = pq.read_table(data / "items.parquet").slice(0, 50)
    renamed = items.set_column(0, "item_id", pa.array([f"later {row}" for row in range(50)]))
    pq.write_table(pa.concat_tables([items, renamed]), memory_folder / "items.parquet")
    session = Session.open(str(root), SETTINGS)
    mapping = IngestMapping(**MAPPING, engagement_timestamp="ts")
    ingest(session, items=memory_folder / "items.parquet", saves=None, mapping=mapping, day="2026-03-21")
    ingest(
        session, items=None, saves=memory_folder / "saves.parquet",
        engagements=memory_folder / "engagements.parquet", mapping=mapping,
    )  # fmt: skip
    planted = state(str(root)).digests
    assert {uri.split("/")[1] for uri in planted} == {"items", "saves", "engagements"}
    assert min(uri.split("/")[2] for uri in planted) > DAY

    forks.run(f"{THIS}:run_day", str(root), calm.data)
    assert not state(str(root)).digests.items() ^ (calm.finished.digests.items() | planted.items())


def test_a_late_correction_makes_anew_what_depends_on_it(calm: CalmDay, forks: ForkServer, memory_folder: Path) -> None:
    saves = pq.read_table(Path(calm.data) / "saves.parquet")
    late = pc.equal(pc.strftime(saves.column("ts"), "%Y-%m-%d"), CORRECTED)
    fixed = saves.filter(late).set_column(1, "item_id", pa.array([f"item-\u00e9{0:05d}"] * pc.sum(late).as_py()))
    pq.write_table(fixed, memory_folder / "late.parquet")
    root = copy(calm.root, memory_folder / "store")
    (delivered,) = ingest(
        Session.open(str(root), SETTINGS), items=None, saves=memory_folder / "late.parquet",
        mapping=IngestMapping(**MAPPING),
    ).tables  # fmt: skip
    assert delivered.num_changed_days == 1
    forks.run("tests.faults.test_point_in_time:run_without_ingest", str(root))
    made = {uri: digest for uri, digest in state(str(root)).digests.items() if uri not in calm.finished.digests}
    assert {uri.rsplit("/", 2)[0] for uri in made} <= UP_TO_THE_MODEL | AFTER_IT
    assert {uri.rsplit("/", 2)[1] for uri in made if uri.startswith(("raw", "validated"))} == {CORRECTED}

    # A store that was told so at first.
    data = memory_folder / "data"
    data.mkdir()
    pq.write_table(pa.concat_tables([saves.filter(pc.invert(late)), fixed]), data / "saves.parquet")
    (data / "items.parquet").hardlink_to(Path(calm.data) / "items.parquet")
    forks.run(f"{THIS}:run_day", str(memory_folder / "anew"), str(data))
    anew = state(str(memory_folder / "anew")).digests
    told_at_first = {uri: digest for uri, digest in anew.items() if uri not in calm.finished.digests}
    assert not up_to_the_model(made) ^ up_to_the_model(told_at_first)


def up_to_the_model(digests: dict[str, str]) -> set[tuple[str, str]]:
    return {(uri, digest) for uri, digest in digests.items() if uri.rsplit("/", 2)[0] in UP_TO_THE_MODEL}


def run_without_ingest(root: str) -> None:
    """The day again, after a delivery."""
    from tests.faults.stages import STAGES, run_stage

    for stage in ("earlier_days", *STAGES[1:]):
        run_stage(root, "", stage)
