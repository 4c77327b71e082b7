"""Marks of verified files: a process believes another one about a file that has not changed since, for an hour."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from pinsage.store import Store, verification
from pinsage.store.digests import file_digest
from pinsage.store.verification import MARK_SECONDS, MARKED_BYTES, MARKS, digest_is_known, verified_digest


class Reader:
    """A process that begins to read: it remembers nothing, and counts what it hashes."""

    def __init__(self, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(verification, "_verified", {})
        self.cache = cache
        self.hashed = 0

    def digest(self, path: Path, expected: str | None = None) -> str:
        return verified_digest(path, self.cache, self._hash, expected)

    def _hash(self, path: Path) -> str:
        self.hashed += 1
        return file_digest(path)


@pytest.fixture
def large(tmp_path: Path) -> Path:
    path = tmp_path / "chunk.npy"
    path.write_bytes(bytes(MARKED_BYTES))
    return path


def test_a_large_file_is_hashed_by_one_process_alone(
    tmp_path: Path, large: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = Reader(tmp_path, monkeypatch)
    assert first.digest(large) == first.digest(large) == file_digest(large)
    second = Reader(tmp_path, monkeypatch)
    assert second.digest(large) == file_digest(large)
    assert (first.hashed, second.hashed) == (1, 0)
    other_cache = Reader(tmp_path / "elsewhere", monkeypatch)
    other_cache.digest(large)
    assert other_cache.hashed == 1


def test_a_small_file_leaves_no_mark(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small = tmp_path / "facts.json"
    small.write_bytes(b"{}")
    Reader(tmp_path, monkeypatch).digest(small)
    assert not (tmp_path / MARKS).exists()


def test_a_changed_file_is_hashed_again_although_its_time_was_set_back(
    tmp_path: Path, large: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = large.stat()
    assert Reader(tmp_path, monkeypatch).digest(large) == file_digest(large)
    with large.open("r+b") as file:
        file.write(b"\x01")
    os.utime(large, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert large.stat().st_mtime_ns == before.st_mtime_ns
    reader = Reader(tmp_path, monkeypatch)
    assert reader.digest(large) == file_digest(large)
    assert reader.hashed == 1


def test_an_old_mark_and_one_of_the_future_do_not_count(
    tmp_path: Path, large: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Reader(tmp_path, monkeypatch).digest(large)
    (mark,) = (tmp_path / MARKS).glob("*/*")
    for shift in (-MARK_SECONDS - 60, 3600):
        when = large.stat().st_mtime + shift
        os.utime(mark, (when, when))
        reader = Reader(tmp_path, monkeypatch)
        reader.digest(large)
        assert reader.hashed == 1


def flipped(text: bytes) -> bytes:
    return bytes([text[0] ^ 1]) + text[1:]


@pytest.mark.parametrize(
    "damaged",
    [
        lambda text: b"",
        lambda text: flipped(text),
        lambda text: text[:-1],
        lambda text: text[:64],
        lambda text: text + text,
        lambda text: b"\xff\xfe\x00",
        lambda text: b"banana",
        lambda text: b"0" * 64,
    ],
)
def test_a_damaged_mark_is_not_believed(
    tmp_path: Path, large: Path, monkeypatch: pytest.MonkeyPatch, damaged: Callable[[bytes], bytes]
) -> None:
    Reader(tmp_path, monkeypatch).digest(large)
    (mark,) = (tmp_path / MARKS).glob("*/*")
    whole = mark.read_bytes()
    mark.write_bytes(damaged(whole))
    reader = Reader(tmp_path, monkeypatch)
    assert reader.digest(large) == file_digest(large)
    assert reader.hashed == 1
    assert mark.read_bytes() == whole, "it is put right"


def test_a_mark_of_another_file_and_a_wrong_memory_lead_to_the_file(
    tmp_path: Path, large: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = file_digest(large)
    digest_is_known(large, "1" * 64, tmp_path)
    for _ in range(2):  # of the memory, then of the mark
        reader = Reader(tmp_path, monkeypatch)
        assert reader.digest(large, whole) == whole
        assert reader.hashed == 1
        monkeypatch.setattr(verification, "_verified", {verification._identity(large): "2" * 64})
        assert verified_digest(large, tmp_path / "elsewhere", file_digest, whole) == whole
        digest_is_known(large, "1" * 64, tmp_path)


@pytest.mark.parametrize("text", [b"", b"0" * 64])
def test_a_whole_version_is_not_called_damaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: bytes) -> None:
    store = Store.open(tmp_path / "store")
    with store.write("graph", partition="2026-03-01", inputs=[], config={}, code_version=1) as out:
        out.write_array("rows", np.zeros(MARKED_BYTES, np.int8))
    (mark,) = (store.cache / MARKS).glob("*/*")
    mark.write_bytes(text)
    monkeypatch.setattr(verification, "_verified", {})
    out.version.verify()


@pytest.mark.parametrize("suffix", ["", "flipped", "empty"])
def test_an_assembled_array_is_held_against_the_manifest(tmp_path: Path, suffix: str) -> None:
    store = Store.open(tmp_path / "store")
    expected = np.arange(9000)
    with store.write("graph", partition="2026-03-01", inputs=[], config={}, code_version=1) as out:
        for rows in out.missing_rows(["rows"], num_rows=9000, chunk_rows=4096):
            out.write_array("rows", expected[rows.start : rows.stop], rows=rows)
    np.testing.assert_array_equal(out.version.array("rows"), expected)
    (assembled,) = (store.cache / "arrays").rglob("*.npy")
    data = assembled.read_bytes()
    if suffix:
        assembled.write_bytes(b"" if suffix == "empty" else data[:-1] + bytes([data[-1] ^ 1]))
    np.testing.assert_array_equal(store.version(out.version.uri).array("rows"), expected)
    assert assembled.read_bytes() == data
