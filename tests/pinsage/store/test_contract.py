"""One contract for every store: local disk, and S3 through moto's server."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import boto3
import numpy as np
import pyarrow as pa
import pytest
from moto.server import ThreadedMotoServer

from pinsage.store import (
    DamagedVersionError,
    IncompleteVersionError,
    InvalidNameError,
    NondeterminismError,
    ReferenceMovedError,
    Store,
    UnknownVersionError,
    UnsafeStoreError,
    Version,
    Writer,
)
from pinsage.store.failpoints import FAILPOINTS
from pinsage.store.garbage import collect_garbage, drop_version, plan_garbage
from pinsage.store.objects import LocalObjects
from pinsage.store.store import probe_conditional_put

DAY = "2026-03-01"
ROWS = np.arange(30_000, dtype=np.int32).reshape(10_000, 3)


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    settings = {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    with pytest.MonkeyPatch.context() as patch:
        for name, value in settings.items():
            patch.setenv(name, value)
        boto3.client("s3").create_bucket(Bucket="store")
        yield "s3://store"
    server.stop()


@pytest.fixture(params=["local", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.setenv("PINSAGE_CACHE", str(tmp_path / "cache"))
    if request.param == "local":
        return Store.open(tmp_path / "store")
    return Store.open(f"{request.getfixturevalue('s3')}/{tmp_path.name}")


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
    assert Writer.resume(store, out.spec).has("document")


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


def test_store_that_ignores_conditions_is_refused(tmp_path: Path) -> None:
    class Careless(LocalObjects):
        def put_if_absent(self, key: str, data: bytes) -> bytes:
            self.delete(key)
            return super().put_if_absent(key, data)

    with pytest.raises(UnsafeStoreError, match="replaced the first"):
        probe_conditional_put(Careless(tmp_path))


CRASHING = textwrap.dedent(
    """
    import sys
    from pinsage.store import Store
    from tests.pinsage.store.test_contract import write
    store = Store.open(sys.argv[1])
    store.ref("published").point_to(write(store).uri)
    """
)


@pytest.mark.parametrize("failpoint", [name for name in FAILPOINTS if not name.startswith("garbage")])
@pytest.mark.parametrize("time", [1, 3])
def test_killed_anywhere_and_rerun_gives_the_same_bytes(tmp_path: Path, failpoint: str, time: int) -> None:
    expected = write(Store.open(tmp_path / "calm"))
    root = tmp_path / "store"
    Store.open(root)
    environment = {**os.environ, "PINSAGE_FAILPOINT": f"{failpoint}:{time}"}
    project = Path(__file__).parents[3]
    killed = subprocess.run([sys.executable, "-c", CRASHING, str(root)], env=environment, cwd=project, check=False)
    reached_once = failpoint.startswith(("commit", "reference"))
    assert killed.returncode == (0 if reached_once and time > 1 else -signal.SIGKILL)
    for uri in [found.uri for found in Store.open(root).versions("graph", DAY)]:
        Store.open(root).version(uri).verify()  # whatever is visible is whole
    again = write(Store.open(root))
    again.verify()
    assert again.uri == expected.uri
    assert again.content_digest == expected.content_digest


COLLECTING = textwrap.dedent(
    """
    import sys
    from pinsage.store import Store
    from pinsage.store.garbage import collect_garbage, plan_garbage
    store = Store.open(sys.argv[1])
    collect_garbage(store, plan_garbage(store, keep=0, grace_seconds=-60))
    """
)


@pytest.mark.parametrize("failpoint", ["garbage.before_delete", "garbage.after_delete", "garbage.after_delete:4"])
def test_collection_killed_anywhere_leaves_whole_versions(tmp_path: Path, failpoint: str) -> None:
    store = Store.open(tmp_path / "store")
    kept, doomed = write(store, config=1), write(store, config=2)
    store.ref("published").point_to(kept.uri)
    project = Path(__file__).parents[3]
    command = [sys.executable, "-c", COLLECTING, str(tmp_path / "store")]
    killed = subprocess.run(command, env={**os.environ, "PINSAGE_FAILPOINT": failpoint}, cwd=project, check=False)
    assert killed.returncode == -signal.SIGKILL
    for version in store.versions("graph", DAY):
        version.verify()
    subprocess.run(command, cwd=project, check=True)
    assert [version.uri for version in store.versions("graph", DAY)] == [kept.uri]
    assert not [info for info in store.objects.walk("graph") if doomed.fingerprint in info.key]
    assert write(store, config=2).content_digest == doomed.content_digest, "what was removed can be made again"


def test_dropping_an_unknown_version_is_an_error(store: Store) -> None:
    with pytest.raises(UnknownVersionError, match="nothing to drop"):
        drop_version(store, f"graph/{DAY}/missing")
