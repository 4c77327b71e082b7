"""Ingest and validation on real files: what is taken, what is quarantined, what stops a day."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from structlog.testing import capture_logs

from pinsage.store import Version
from tasks.data.deliveries import Deliveries, MissingPartitionError, NoDataError, ValidationMissingError
from tasks.data.ingest import IngestSummary, ingest
from tasks.data.ingestion.columns import IngestError
from tasks.data.ingestion.mapping import IngestMapping
from tasks.data.validate import ValidationFailedError, validate_days
from tasks.prepare.build_catalog import build_catalog
from tasks.prepare.prepared import days_to_validate
from tasks.runtime.session import Session

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
JUDGED = {"validation.volume_min_days": 2, "validation.volume_min_median": 10}
DAYS = ["2026-03-01", "2026-03-02", "2026-03-03"]


def deliver(
    session: Session, folder: Path, saves: list[tuple[int | None, int | None, datetime]], items: pa.Table | None = None
) -> IngestSummary:
    folder.mkdir(exist_ok=True)
    board, item, when = zip(*saves, strict=True)
    table = pa.table(
        {"board_id": pa.array(board, pa.int64()), "item_id": pa.array(item, pa.int64()), "saved_at": list(when)}
    )
    pq.write_table(table, folder / "saves.parquet", row_group_size=97)
    if items is not None:
        pq.write_table(items, folder / "items.parquet")
    mapping = IngestMapping(vectors={"image": "image"} if items is not None and "image" in items.column_names else {})
    return ingest(
        session,
        items=None if items is None else folder / "items.parquet",
        saves=folder / "saves.parquet",
        mapping=mapping,
    )


def some_saves(num: int = 300) -> list[tuple[int | None, int | None, datetime]]:
    return [(row % 40, row % 50, START + timedelta(days=row % 2 * 2, seconds=row)) for row in range(num)]


def validated_version(session: Session, table: str, day: str) -> Version:
    return Deliveries(session).require_validated(table, day)


def some_items() -> pa.Table:
    return pa.table({"item_id": pa.array(range(50)), "title": [f"thing {row}" for row in range(50)]})


@pytest.fixture
def session(tmp_path: Path) -> Session:
    return Session.open(str(tmp_path / "store"))


def test_days_empty_days_and_idempotence(session: Session, tmp_path: Path) -> None:
    first = deliver(session, tmp_path / "data", some_saves(), some_items())
    assert session.store.ref_names("raw/saves") == DAYS
    assert {table.table: table.num_changed_days for table in first.tables} == {"items": 1, "saves": 3}
    validate_days(session, DAYS)
    assert [validated_version(session, "saves", day).facts["num_rows"] for day in DAYS] == [150, 0, 150]
    before = [info.key for info in session.store.objects.walk("")]
    again = deliver(session, tmp_path / "data", some_saves(), some_items())
    assert all(table.num_changed_days == 0 for table in again.tables)
    validate_days(session, DAYS)
    assert [info.key for info in session.store.objects.walk("")] == before
    assert days_to_validate(session, DAYS[-1]) == []
    with pytest.raises(MissingPartitionError, match="never delivered"):
        validated_version(session, "saves", "2026-03-09")


def test_faulty_rows_go_to_quarantine_with_their_reasons(session: Session, tmp_path: Path) -> None:
    faulty = [(None, 3, START), (7, 999, START), (8, 4, START), (8, 4, START)]
    deliver(session, tmp_path / "data", some_saves() + faulty, some_items())
    validate_days(session, DAYS)
    (quarantined,) = session.store.versions("quarantine/saves", DAYS[0])
    reasons = sorted(quarantined.table("saves").column("reason").to_pylist())
    assert reasons == ["duplicate", "no_board", "unknown_item"]
    assert validated_version(session, "saves", DAYS[0]).facts["num_rows"] == 151


def test_too_many_faults_stop_the_day_and_name_the_rule(session: Session, tmp_path: Path) -> None:
    bad = [(row, 1000 + row, START) for row in range(100)]
    deliver(session, tmp_path / "data", some_saves() + bad, some_items())
    with pytest.raises(ValidationFailedError, match=r"(?s)2026-03-01.*share_unknown_item: got 0\.4.*'item_id': 1000"):
        validate_days(session, DAYS)
    assert Deliveries(session).validated("saves", DAYS[0]) is None
    assert Deliveries(session).validated("saves", DAYS[2]), "the days that passed stay"
    with pytest.raises(ValidationMissingError):
        build_catalog(session, DAYS[-1])


def test_saves_without_any_items_are_told_so_instead_of_row_by_row(session: Session, tmp_path: Path) -> None:
    deliver(session, tmp_path / "data", some_saves())
    with pytest.raises(NoDataError, match="no items were ever delivered; `pinsage ingest --items FILE`"):
        validate_days(session, DAYS)


def test_many_failed_days_are_summarised(session: Session, tmp_path: Path) -> None:
    saves = [(row, row % 50, START + timedelta(days=day)) for day in range(60) for row in range(60)]
    deliver(session, tmp_path / "data", saves, some_items().slice(0, 10))
    days = session.store.ref_names("raw/saves")
    with pytest.raises(ValidationFailedError) as caught:
        validate_days(session, days)
    message = str(caught.value)
    assert message.startswith("60 of 60 partitions")
    assert len(message.splitlines()) < 60
    assert message.count("validation.max_unknown_item_share") == 3
    assert "and 57 days more, 2026-03-04 to 2026-04-29; all of them in" in message
    assert "share_unknown_item: 57 days, 2026-03-04 to 2026-04-29" in message
    page = session.store.page(f"validation/saves/{days[0]}.txt")
    assert page is not None
    assert page.decode().count("share_unknown_item: got") == 60


def test_saves_before_the_first_items(session: Session, tmp_path: Path) -> None:
    deliver(session, tmp_path / "data", some_saves())
    pq.write_table(some_items(), tmp_path / "items.parquet")
    ingest(session, items=tmp_path / "items.parquet", saves=None, day=DAYS[1])
    with pytest.raises(
        ValidationFailedError, match=f"known from {DAYS[1]} on; .* ingest them again with --day {DAYS[0]}"
    ):
        validate_days(session, DAYS)


def test_an_odd_volume_is_accepted_with_a_warning(tmp_path: Path) -> None:
    session = Session.open(str(tmp_path / "store"), JUDGED)
    counts = [100, 100, 9, 100, 100, 1100]
    saves = [(row, row % 50, START + timedelta(days=day)) for day, num in enumerate(counts) for row in range(num)]
    deliver(session, tmp_path / "data", saves, some_items())
    with capture_logs() as logs:
        validate_days(session, session.store.ref_names("raw/saves"))
    odd = {entry["day"]: entry["of_trailing_median"] for entry in logs if "odd number" in entry["event"]}
    assert odd == {"2026-03-03": 0.09, "2026-03-06": 11.0}


def test_unknown_items_have_a_limit_of_their_own(session: Session, tmp_path: Path) -> None:
    deliver(session, tmp_path / "data", [*some_saves(), *((row, 999, START) for row in range(30))], some_items())
    validate_days(session, DAYS)
    assert validated_version(session, "saves", DAYS[0]).facts["num_quarantined"] == 30, "a sixth of the day's rows"


def test_vectors_of_another_width_or_not_finite(session: Session, tmp_path: Path) -> None:
    vectors = [[1.0, 2.0, float(row)] for row in range(50)]
    vectors[3], vectors[4], vectors[5] = [1.0], [1.0, float("nan"), 0.0], [0.0, 0.0, 0.0]
    items = some_items().append_column("image", pa.array(vectors, pa.list_(pa.float64())))
    deliver(session, tmp_path / "data", some_saves(), items)
    validate_days(session, DAYS)
    clean = validated_version(session, "items", DAYS[0])
    assert clean.facts["widths"] == {"image": 3}
    assert clean.facts["num_quarantined"] == 2
    assert clean.table("items").column("vector.image").null_count == 1, "a zero vector is none"


def test_the_first_delivery_sets_the_width_of_vectors(session: Session, tmp_path: Path) -> None:
    items = some_items().append_column("image", pa.nulls(50, pa.list_(pa.float64())))
    deliver(session, tmp_path / "data", some_saves(), items)
    with pytest.raises(ValidationFailedError, match=r"vector\.image holds no vector.*leave the column out") as refused:
        validate_days(session, DAYS)
    assert "change the limit" not in str(refused.value), "there is none"


def test_volume_against_the_trailing_median(tmp_path: Path) -> None:
    session = Session.open(str(tmp_path / "store"), {**JUDGED, "validation.min_volume_ratio": 0.1})
    counts = [100, 100, 5]
    saves = [(row, row % 50, START + timedelta(days=day)) for day, num in enumerate(counts) for row in range(num)]
    deliver(session, tmp_path / "data", saves, some_items())
    with pytest.raises(ValidationFailedError, match=r"volume_ratio: got 0\.05"):
        validate_days(session, DAYS)


def test_a_late_correction_replaces_its_day_alone(session: Session, tmp_path: Path) -> None:
    deliver(session, tmp_path / "data", some_saves(), some_items())
    validate_days(session, DAYS)
    before = {day: validated_version(session, "saves", day).uri for day in DAYS}
    summary = deliver(session, tmp_path / "late", [(1, 2, START), (1, 3, START)])
    assert [table.num_changed_days for table in summary.tables] == [1]
    assert days_to_validate(session, DAYS[-1]) == [[DAYS[0]]]
    validate_days(session, [DAYS[0]])
    after = {day: validated_version(session, "saves", day).uri for day in DAYS}
    assert after[DAYS[0]] != before[DAYS[0]]
    assert after[DAYS[2]] == before[DAYS[2]]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"board_id": "basket"}, "no column basket; its columns are: board_id, item_id, saved_at"),
        ({"timestamp": "item_id", "timestamp_unit": "s"}, None),
    ],
)
def test_a_column_that_is_not_there(session: Session, tmp_path: Path, change: dict, message: str | None) -> None:
    deliver(session, tmp_path / "data", some_saves(), some_items())
    path = tmp_path / "data" / "saves.parquet"
    if message is None:
        ingest(session, items=None, saves=path, mapping=IngestMapping(**change))
        assert "1970-01-01" in session.store.ref_names("raw/saves")
    else:
        with pytest.raises(IngestError, match=message):
            ingest(session, items=None, saves=path, mapping=IngestMapping(**change))


def test_text_ids_do_not_enter_a_store_of_integers(session: Session, tmp_path: Path) -> None:
    deliver(session, tmp_path / "data", some_saves(), some_items())
    path = tmp_path / "text.csv"
    path.write_text("board_id,item_id,saved_at\n1,abc,2026-03-04T00:00:00Z\n")
    with pytest.raises(IngestError, match="holds integers"):
        ingest(session, items=None, saves=path)
    path.write_text("board_id,item_id,saved_at\n1,2,2026-03-04T23:59:59+00:00\n1,3,\n")
    with pytest.raises(IngestError, match="row 2 has no time"):
        ingest(session, items=None, saves=path)
    assert "2026-03-04" not in session.store.ref_names("raw/saves")


def test_a_long_history_is_looked_up_once_a_day(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Items that arrive every day: what a run reads grows with the days, not with their square."""
    reads = {}
    for num_days in (10, 20):
        session = Session.open(str(tmp_path / f"store-{num_days}"))
        when = [START + timedelta(days=day) for day in range(num_days)]
        folder = tmp_path / f"data-{num_days}"
        folder.mkdir()
        pq.write_table(pa.table({"item_id": list(range(num_days)), "since": when}), folder / "items.parquet")
        pq.write_table(
            pa.table({"board_id": [1] * num_days, "item_id": list(range(num_days)), "saved_at": when}),
            folder / "saves.parquet",
        )
        mapping = IngestMapping(item_timestamp="since")
        ingest(session, items=folder / "items.parquet", saves=folder / "saves.parquet", mapping=mapping)
        days = session.store.ref_names("raw/saves")
        validate_days(session, days)
        assert validated_version(session, "saves", days[-1]).facts["num_rows"] == 1
        counted = []
        get = session.store.objects.get
        monkeypatch.setattr(
            session.store.objects, "get", lambda key, get=get, counted=counted: counted.append(key) or get(key)
        )
        assert days_to_validate(session, days[-1]) == []
        reads[num_days] = len(counted)
    assert reads[20] <= 2.2 * reads[10]
