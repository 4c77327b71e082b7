"""Marks of verified files: a process believes another one about a file that has not changed since, for an hour."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pinsage.store import verification
from pinsage.store.digests import file_digest
from pinsage.store.verification import MARK_SECONDS, MARKED_BYTES, MARKS, verified_digest


class Reader:
    """A process that begins to read: it remembers nothing, and counts what it hashes."""

    def __init__(self, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(verification, "_verified", {})
        self.cache = cache
        self.hashed = 0

    def digest(self, path: Path) -> str:
        return verified_digest(path, self.cache, self._hash)

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
