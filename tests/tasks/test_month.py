"""A month of short days: prepared every day, trained on Sundays, published; nothing of a later day is ever seen."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tasks.data.ingest import ingest
from tasks.data.ingestion.mapping import IngestMapping
from tasks.flow.run import prepare, publish, train
from tasks.runtime.days import add_days, day_range
from tasks.runtime.session import Session
from tests.tasks.test_pipeline import SMALL, planted

FIRST, WEEKS = "2026-03-02", 4  # a Monday
SETTINGS = {
    **{name: json.loads(value) for name, value in (each.split("=") for each in SMALL if "=" in each)},
    "promotion.metric": "hit_rate@10",
    # The slice of few saves holds a handful of queries here: chance would decide.
    "promotion.max_slice_loss": 1.0,
    # A few steps for the first weeks, so that a later one can be better.
    "training.epochs": 1,
    "training.epoch_steps": 3,
}
MAPPING = IngestMapping(board_id="collection", timestamp="ts", vectors={"image": "embedding"})
BAD_WEEK = {"training.learning_rate": 1e-7, "model.width": 2}
GOOD_WEEK = {"training.epochs": 6, "training.epoch_steps": 40}


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("month")
    return planted(folder, strings=False, timed=True, vectors=16, first_day=FIRST, num_days=7 * WEEKS)


@pytest.mark.slow
def test_a_bad_week_is_not_promoted_and_the_next_good_one_is(source: Path, tmp_path: Path) -> None:
    root = str(tmp_path / "store")
    ingest(Session.open(root), items=source / "items.parquet", saves=source / "saves.parquet", mapping=MAPPING)
    champions, reasons = [], []
    for week, settings in enumerate([{}, BAD_WEEK, GOOD_WEEK, BAD_WEEK]):
        session = Session.open(root, {**SETTINGS, **settings})
        days = day_range(add_days(FIRST, 7 * week), add_days(FIRST, 7 * week + 6))
        for day in days:
            list(prepare(session, day))
        steps = {step.stage: step for step in train(session, days[-1])}
        reasons.append(steps["promote_model"].made)
        assert steps["promote_model"].in_force is (settings != BAD_WEEK)
        head = session.store.ref("champion").head()
        assert head is not None
        champions.append(head.uri.split("/")[1])
        decisions = {step.stage: step.in_force for step in publish(session, days[-1]) if step.in_force is not None}
        assert decisions == {"publish_index": True}
        published = session.store.referenced("published")
        assert published is not None
        assert published.partition == days[-1]
        embeddings = session.store.input_of(published, "embeddings")
        assert session.store.input_of(embeddings, "model").uri == head.uri
    first, good = add_days(FIRST, 6), add_days(FIRST, 20)
    assert champions == [first, first, good, good], reasons
    assert "no gain" in reasons[1]
    assert "no gain" in reasons[3]


@pytest.mark.slow
def test_deliveries_of_later_days_change_nothing(source: Path, tmp_path: Path) -> None:
    day = add_days(FIRST, 9)
    saves = pq.read_table(source / "saves.parquet")
    known = pa.array([str(time)[:10] <= day for time in saves.column("ts").to_pylist()])
    pq.write_table(saves.filter(known), tmp_path / "saves.parquet")
    digests = []
    for name, path in (("known", tmp_path / "saves.parquet"), ("all", source / "saves.parquet")):
        session = Session.open(str(tmp_path / name), SETTINGS)
        ingest(session, items=source / "items.parquet", saves=path, mapping=MAPPING)
        made = [step.made for step in prepare(session, day) if "/" in step.made and step.stage != "data_docs"]
        digests.append([(uri, session.store.version(uri).content_digest) for uri in made])
    assert digests[0] == digests[1]
