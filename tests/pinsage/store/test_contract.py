"""One contract for every store: local disk, and S3 through moto's server, in fair and in bad weather."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from pinsage.store import (
    DamagedVersionError,
    IncompleteVersionError,
    InvalidNameError,
    NondeterminismError,
    ReferenceMovedError,
    StorageError,
    Store,
    UnknownVersionError,
    UnsafeStoreError,
    Version,
    Writer,
)
from pinsage.store.failpoints import FAILPOINTS, reached
from pinsage.store.garbage import collect_garbage, drop_version, plan_garbage
from tests.faults.fork_server import ForkServer
from tests.faults.s3_weather import Weather, s3_server

DAY = "2026-03-01"
ROWS = np.arange(30_000, dtype=np.int32).reshape(10_000, 3)


@pytest.fixture(params=["local", "s3", pytest.param("storm", marks=pytest.mark.slow)])
def root(request: pytest.FixtureRequest, tmp_path: Path, memory_folder: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Root of an empty store."""
    monkeypatch.setenv("PINSAGE_CACHE", str(memory_folder / "cache"))
    return (
        str(memory_folder / "store")
        if request.param == "local"
        else f"{request.getfixturevalue(request.param)}/{tmp_path.name}"
    )


@pytest.fixture
def store(root: str) -> Store:
    return Store.open(root)


def write(store: Store, chunk_rows: int = 4096, rows: np.ndarray = ROWS, config: int = 1) -> Version:
    with store.write("graph", partition=DAY, inputs=[], config={"width": config}, code_version=1) as out:
        if not out.is_committed:
            fill(out, chunk_rows, rows)
    return out.version


def fill(out: Writer, chunk_rows: int, rows: np.ndarray = ROWS) -> None:
    for held in out.missing_rows(["rows"], num_rows=len(rows), chunk_rows=chunk_rows):
        out.write_array("rows", rows[held.start : held.stop], rows=held)
    out.write_table("table", pa.table({"a": [1, 2, 3], "b": ["x", None, "é"]}))
    out.write_json("document", {"b": 1, "a": [1.5, None]})
    out.facts.update(num_rows=len(rows))


def test_reads_back_what_was_written(store: Store) -> None:
    version = store.version(write(store).uri)
    np.testing.assert_array_equal(version.array("rows"), ROWS)
    assert version.table("table", ["b"]).to_pydict() == {"b": ["x", None, "é"]}
    assert version.json("document") == {"a": [1.5, None], "b": 1}
    assert version.facts == {"num_rows": 10_000}
    assert version.names() == ["document", "rows", "table"]


def test_second_attempt_writes_nothing(store: Store) -> None:
    first = write(store)
    before = list(store.objects.walk("graph"))
    assert write(store).uri == first.uri
    assert list(store.objects.walk("graph")) == before


@pytest.mark.parametrize("chunk_rows", [8192, 16384])
def test_content_digest_ignores_chunk_size(store: Store, chunk_rows: int) -> None:
    first = write(store)
    drop_version(store, first.uri)
    assert write(store, chunk_rows).content_digest == first.content_digest


def test_fingerprint_depends_on_config_and_content_of_inputs(store: Store) -> None:
    one, two = write(store, config=1), write(store, config=2)
    assert one.fingerprint != two.fingerprint
    assert one.content_digest == two.content_digest
    made = [
        store.write("next", partition=DAY, inputs=[used], config={}, code_version=1).spec.fingerprint
        for used in (one, two)
    ]
    assert made[0] == made[1], "an identical input must rebuild nothing downstream"


def test_two_attempts_adopt_or_complain(store: Store) -> None:
    writers = [store.write("graph", partition=DAY, inputs=[], config={}, code_version=1) for _ in range(3)]
    for out in writers[:2]:
        fill(out, 4096)
    assert writers[0].commit().content_digest == writers[1].commit().content_digest
    fill(writers[2], 4096)
    writers[2].facts.update(num_rows=1)
    with pytest.raises(NondeterminismError, match="another attempt committed content"):
        writers[2].commit()


def test_racing_chunks_with_other_bytes_complain(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    writers = [store.write("graph", partition=DAY, inputs=[], config={}, code_version=1) for _ in range(2)]
    writers[0].write_json("document", {"b": 1})
    monkeypatch.setattr(writers[1], "_adopt", lambda chunk: None)  # it looked before the other one finished
    with pytest.raises(NondeterminismError, match="different bytes for chunk document"):
        writers[1].write_json("document", {"b": 2})


def test_incomplete_array_is_not_committed(store: Store) -> None:
    out = store.write("graph", partition=DAY, inputs=[], config={}, code_version=1)
    out.write_array("rows", ROWS[8192:], rows=range(8192, 10_000))
    with pytest.raises(IncompleteVersionError, match="rows up to 0"):
        out.commit()
    assert store.partitions("graph") == []


def test_error_inside_keeps_finished_chunks_and_commits_nothing(store: Store) -> None:
    out = store.write("graph", partition=DAY, inputs=[], config={}, code_version=1)

    def fail_halfway() -> None:
        with out:
            out.write_json("document", {})
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_halfway()
    assert store.partitions("graph") == []
    assert store.resume(out.spec).has("document")


def test_references_roll_back_and_refuse_races(store: Store) -> None:
    one, two = write(store, config=1), write(store, config=2)
    log = store.ref("published")
    assert log.head() is None
    log.point_to(one.uri)
    log.point_to(one.uri)
    log.append(two.uri, after=1)
    with pytest.raises(ReferenceMovedError, match="is at 2, expected 1"):
        log.append(one.uri, after=1)
    log.append(one.uri, details={"why": "rollback"})
    assert [entry.uri for entry in log.history()] == [one.uri, two.uri, one.uri]


def test_unknown_version_lists_the_known(store: Store) -> None:
    known = write(store)
    with pytest.raises(UnknownVersionError, match=known.fingerprint):
        store.version(f"graph/{DAY}/missing")


def test_garbage_keeps_what_references_reach(store: Store) -> None:
    kept, doomed = write(store, config=1), write(store, config=2)
    store.ref("published").point_to(kept.uri)
    assert plan_garbage(store, keep=0).versions == (), "young versions are spared"
    plan = plan_garbage(store, keep=0, grace_seconds=-60)
    assert plan.versions == (doomed.uri,)
    collect_garbage(store, plan)
    store.version(kept.uri).verify()
    with pytest.raises(UnknownVersionError):
        store.version(doomed.uri)


@pytest.mark.parametrize("name", ["", ".", "..", "a/../b", "/etc", "_refs", "a b", "a\n", "x" * 129, "é"])
def test_bad_names_are_refused(tmp_path: Path, name: str) -> None:
    store = Store.open(tmp_path)
    with pytest.raises(InvalidNameError):
        store.write("graph", partition=name, inputs=[], config={}, code_version=1)
    with pytest.raises(InvalidNameError):
        store.ref(name)


@pytest.mark.parametrize("damage", ["truncate", "flip", "remove"])
def test_damaged_file_is_named(tmp_path: Path, damage: str) -> None:
    store = Store.open(tmp_path)
    version = write(store)
    path = version.path("table")
    data = bytearray(path.read_bytes())
    path.unlink()
    if damage == "truncate":
        path.write_bytes(data[:-1])
    elif damage == "flip":
        data[len(data) // 2] ^= 1
        path.write_bytes(data)
    with pytest.raises(DamagedVersionError, match="table-"):
        store.version(version.uri).table("table")


def test_server_that_ignores_conditions_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with s3_server(Weather(honours_conditions=False)) as environment:
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        with pytest.raises(UnsafeStoreError, match="replaced the first.*If-None-Match"):
            Store.open("s3://store")


def test_what_is_no_bucket_is_said(s3: str) -> None:
    with pytest.raises(StorageError, match="no such bucket"):
        Store.open("s3://another")


def publish(root: str) -> None:
    """What a killed process was about to do."""
    store = Store.open(root)
    store.ref("published").point_to(write(store).uri)


def publish_and_count(root: str, path: str) -> None:
    publish(root)
    Path(path).write_text("\n".join(reached()))


def test_killed_anywhere_and_rerun_gives_the_same_bytes(root: str, forks: ForkServer, tmp_path: Path) -> None:
    expected = write(Store.open(tmp_path / "calm"))
    counted = {**environment(), "PINSAGE_FAILPOINT": "none"}
    forks.run(
        "tests.pinsage.store.test_contract:publish_and_count",
        f"{root}/all",
        str(tmp_path / "reached"),
        environment=counted,
    )
    places = (tmp_path / "reached").read_text().split()
    local = () if root.startswith("s3") else ("put.staged", "put.synced", "put.linked")
    of_a_commit = {name for name in FAILPOINTS if name.startswith(("chunk", "commit", "reference"))}
    assert {place.split(":")[0] for place in places} == of_a_commit | {"put.before", "put.done", *local}
    for number, place in enumerate(places if os.environ.get("PINSAGE_KILLS") == "all" else first_and_last(places)):
        fork = forks.start(
            "tests.pinsage.store.test_contract:publish",
            f"{root}/{number}",
            environment={**environment(), "PINSAGE_FAILPOINT": place},
        )
        assert fork.wait() == -signal.SIGKILL, place
        store = Store.open(f"{root}/{number}")
        for version in store.versions("graph", DAY):
            version.verify()  # whatever is visible is whole
        head = store.ref("published").head()
        if head is not None:
            store.version(head.uri).verify()
        publish(f"{root}/{number}")
        again = store.referenced("published")
        assert (again.uri, again.content_digest) == (expected.uri, expected.content_digest), place
        again.verify()


def first_and_last(places: list[str]) -> list[str]:
    """Of the times that a failpoint is reached, the first and the last: the probe's or a chunk's, and the commit's."""
    by_name: dict[str, list[str]] = {}
    for place in places:
        by_name.setdefault(place.split(":")[0], []).append(place)
    return sorted({place for found in by_name.values() for place in (found[0], found[-1])})


def environment() -> dict[str, str]:
    """Variables of this process that its forks need."""
    return {name: value for name, value in os.environ.items() if name.startswith(("AWS_", "PINSAGE_"))}


def collect(root: str) -> None:
    store = Store.open(root)
    collect_garbage(store, plan_garbage(store, keep=0, grace_seconds=-60), grace_seconds=-60)


@pytest.mark.parametrize("failpoint", ["garbage.before_delete", "garbage.after_delete", "garbage.after_delete:4"])
def test_collection_killed_anywhere_leaves_whole_versions(root: str, forks: ForkServer, failpoint: str) -> None:
    store = Store.open(root)
    kept, doomed = write(store, config=1), write(store, config=2)
    store.ref("published").point_to(kept.uri)
    collecting = "tests.pinsage.store.test_contract:collect"
    killed = forks.start(collecting, root, environment={**environment(), "PINSAGE_FAILPOINT": failpoint})
    assert killed.wait() == -signal.SIGKILL
    for version in store.versions("graph", DAY):
        version.verify()
    forks.run(collecting, root, environment=environment())
    assert [version.uri for version in store.versions("graph", DAY)] == [kept.uri]
    assert not [info for info in store.objects.walk("graph") if doomed.fingerprint in info.key]
    assert list(store.objects.walk("_probes")) == []
    assert write(store, config=2).content_digest == doomed.content_digest, "what was removed can be made again"


def test_dropping_an_unknown_version_is_an_error(store: Store) -> None:
    with pytest.raises(UnknownVersionError, match="nothing to drop"):
        drop_version(store, f"graph/{DAY}/missing")


def test_a_reference_of_a_partition_points_into_it(store: Store) -> None:
    version = write(store)
    for name in ("published", f"graph/{DAY}"):
        store.ref(name).point_to(version.uri)
        found = store.referenced(name)
        assert found is not None
        assert found.uri == version.uri
    store.ref("graph/2026-03-02").point_to(version.uri)
    with pytest.raises(
        DamagedVersionError, match=r"points to graph/2026-03-01.*pinsage drop _refs/graph/2026-03-02/0+1"
    ):
        store.referenced("graph/2026-03-02")


def test_what_others_leave_between_is_passed_over(tmp_path: Path) -> None:
    store = Store.open(tmp_path / "store")
    version = write(store)
    store.ref("published").point_to(version.uri)
    for folder in (f"graph/{DAY}/_commits", "_refs/published", "_refs", "graph"):
        for name in (".DS_Store", ".nfs0001"):
            (tmp_path / "store" / folder / name).touch()
    (tmp_path / "store" / "graph" / DAY / "_commits" / "notes.txt").touch()
    assert store.partitions("graph") == [DAY]
    assert [found.uri for found in store.versions("graph", DAY)] == [version.uri]
    assert [entry.uri for entry in store.ref("published").history()] == [version.uri]
