"""An S3 server that errs, stalls, cuts lines and loses acknowledgements, one fault at a time."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from pinsage.store import StorageError, Store
from pinsage.store.bucket import BucketObjects
from tests.faults.s3_weather import FAULTS, Weather, faults_met, s3_server


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    monkeypatch.setenv("AWS_TIMEOUT", "1s")
    monkeypatch.setenv("PINSAGE_CACHE", str(tmp_path))
    return monkeypatch


def bucket(environment: dict[str, str], client: pytest.MonkeyPatch, folder: Path) -> BucketObjects:
    for name, value in environment.items():
        client.setenv(name, value)
    return BucketObjects("s3://store/root", folder)


@pytest.mark.parametrize(
    "fault", [fault if fault == "lost" else pytest.param(fault, marks=pytest.mark.slow) for fault in FAULTS]
)
def test_every_operation_outlives_one_fault(fault: str, client: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with s3_server(Weather(share=0.4, seed=1, faults=(fault,), silence_seconds=1.5)) as environment:
        objects = bucket(environment, client, tmp_path)
        for number in range(4):
            data = f"{number}".encode() * 50
            assert objects.put_if_absent(f"folder/{number}", data) == data
            assert objects.put_if_absent(f"folder/{number}", b"another") == data
            assert objects.get(f"folder/{number}") == data
            assert objects.size(f"folder/{number}") == len(data)
        (tmp_path / "file").write_bytes(b"x" * 3_000_000)
        objects.put_path("folder/file", tmp_path / "file")
        objects.download("folder/file", tmp_path / "copy")
        assert (tmp_path / "copy").read_bytes() == b"x" * 3_000_000
        assert objects.children("folder") == [*map(str, range(4)), "file"]
        objects.delete("folder/file")
        assert [info.key for info in objects.walk("")] == [f"folder/{number}" for number in range(4)]
        assert faults_met(environment)[fault] > 0


def test_of_racing_puts_one_wins_and_all_know_which(client: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with s3_server(Weather(share=0.4, seed=2, faults=("lost", "409", "500"))) as environment:
        objects = bucket(environment, client, tmp_path)
        stored: list[bytes] = []

        def put(number: int) -> None:
            stored.append(objects.put_if_absent("key", f"writer {number}".encode()))

        threads = [threading.Thread(target=put, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert stored == [objects.get("key")] * 8


@pytest.mark.slow
def test_a_server_that_is_gone_is_a_clear_error(client: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with s3_server() as environment:
        bucket(environment, client, tmp_path)
    with pytest.raises(StorageError, match=r"failed: .*check the bucket's name, the credentials and the endpoint"):
        Store.open("s3://store/root")
