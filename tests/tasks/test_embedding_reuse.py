"""Embedding the day after: what did not change is copied, and the bytes are those of a full pass."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from pinsage.store import Version
from pinsage.store.compare import changed_rows
from tasks.embed.embed_day import embed_day, embedding_sources
from tasks.embed.embed_items import embed_items, embed_rows, plan_embedding
from tasks.prepare.prepared import Prepared
from tasks.runtime.session import Session
from tests.tasks.test_embed_items import SETTINGS, prepare_catalog, untrained

NUM_ITEMS, COMMUNITIES = 5_000, 50
FIRST, SECOND = "2026-03-01", "2026-03-02"


def deliver(session: Session, day: str) -> dict[str, Version]:
    """On the first day communities that share no board; on the second two new items and a save of three items."""
    rng = np.random.default_rng(1)
    if day == FIRST:
        items, boards = np.arange(NUM_ITEMS), rng.integers(0, 2_000, 30_000)
        saved = rng.integers(0, NUM_ITEMS // COMMUNITIES, 30_000) * COMMUNITIES + boards % COMMUNITIES
    else:
        items = np.array([7, NUM_ITEMS, NUM_ITEMS + 1])
        saved, boards = np.array([7, 57, NUM_ITEMS]), np.full(3, 5_007)
    times = pa.array([datetime.fromisoformat(day).replace(tzinfo=UTC)] * len(saved), pa.timestamp("us", "UTC"))
    tables = {
        "items": pa.table(
            {
                "item_id": pa.array(items),
                "title": [f"word{item % 40} of {day}" for item in items],
                "text": pa.nulls(len(items), pa.string()),
                "image_url": pa.nulls(len(items), pa.string()),
            }
        ),
        "saves": pa.table(
            {
                "board_id": pa.array(boards),
                "item_id": pa.array(saved),
                "saved_at": times,
                "split": pa.nulls(len(saved), pa.string()),
            }
        ),
    }
    made = {}
    for name, table in tables.items():
        with session.store.write(f"validated/{name}", partition=day, inputs=[], config={}, code_version=1) as out:
            if not out.is_committed:
                out.write_table(name, table)
        made[name] = out.version
    return made


def prepared(session: Session, day: str) -> Prepared:
    return prepare_catalog(session, day, [deliver(session, known) for known in (FIRST, SECOND) if known <= day])


@pytest.mark.parametrize("intermediate", ["float32", "bfloat16"])
def test_few_changes_are_computed_and_the_bytes_are_those_of_a_full_pass(tmp_path: Path, intermediate: str) -> None:
    settings = {**SETTINGS, "embedding.intermediate": intermediate}
    full = Session.open(str(tmp_path / "full"), settings)
    expected = embed_day(full, prepared(full, SECOND), untrained(full, prepared(full, FIRST)))
    assert expected.measurements["share_computed"] == 1

    session = Session.open(str(tmp_path / "refreshed"), settings)
    first, second = prepared(session, FIRST), prepared(session, SECOND)
    model = untrained(session, first)
    earlier = embed_day(session, first, model)
    made = embed_day(session, second, model)
    assert made.uri == expected.uri
    assert made.content_digest == expected.content_digest
    # One community of fifty has changed, and two items are new.
    assert 0 < made.measurements["share_computed"] < 0.05
    changed = changed_rows(made, earlier, "embeddings", 0, NUM_ITEMS + 2)
    assert changed[[7, 57, NUM_ITEMS, NUM_ITEMS + 1]].all()
    assert changed.sum() < 0.05 * NUM_ITEMS


def test_groups_of_rows_reuse_likewise(tmp_path: Path) -> None:
    session = Session.open(str(tmp_path), SETTINGS)
    first, second = prepared(session, FIRST), prepared(session, SECOND)
    model = untrained(session, first)
    embed_day(session, first, model)
    sources = embedding_sources(session, second, model)
    groups = plan_embedding(sources)
    assert groups == [(0, 4096), (4096, NUM_ITEMS + 2)]
    with pytest.raises(ValueError, match="layer 0 lacks 2 chunks"):
        embed_rows(sources, 1, groups[0])
    done = [vars(embed_rows(sources, layer, rows)) for layer in (0, 1, 2, 3) for rows in groups]
    assert [each["rows"] for each in done[:6]] == [4096, NUM_ITEMS + 2 - 4096] * 3
    assert [each["rows"] for each in done[6:]] == [0, 0], "the model has no layer 3"
    made = embed_items(sources, done)
    assert made.measurements["share_computed"] == round(sum(each["computed"] for each in done) / 3 / 5_002, 6)
    assert made.measurements["share_computed"] < 0.05


def test_another_model_reuses_nothing(tmp_path: Path) -> None:
    session = Session.open(str(tmp_path), SETTINGS)
    first, second = prepared(session, FIRST), prepared(session, SECOND)
    embed_day(session, first, untrained(session, first))
    assert embed_day(session, second, untrained(session, second)).measurements["share_computed"] == 1


def test_items_without_saves_are_embedded_and_may_borrow_neighborhoods(tmp_path: Path) -> None:
    alone = Session.open(str(tmp_path), SETTINGS)
    first, second = prepared(alone, FIRST), prepared(alone, SECOND)
    model = untrained(alone, first)
    cold = NUM_ITEMS + 1  # delivered on the second day, saved by nobody
    assert second.neighborhoods.array("neighbors")[cold, 0] == -1
    by_features = embed_day(alone, second, model)
    assert np.linalg.norm(by_features.array("embeddings")[cold, :-1]) == pytest.approx(1, abs=1e-5)

    lent = Session.open(str(tmp_path), {**SETTINGS, "embedding.cold_neighbors": 3})
    embed_day(lent, first, model)
    borrowed = embed_day(lent, second, model)
    filled = lent.store.input_of(borrowed, "filled_neighborhoods")
    assert filled.measurements["num_filled"] > 0
    assert filled.array("neighbors")[cold, 0] >= 0
    assert filled.array("importances")[cold].sum() == pytest.approx(1, abs=1e-5)
    changed = changed_rows(borrowed, by_features, "embeddings", 0, NUM_ITEMS + 2)
    assert changed[cold]
    assert changed.mean() < 0.2, "whoever has neighbors keeps them"
