"""Pages of the site: whatever is no page that can be read is no page, and never an error of the server."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from pinsage.store import InvalidNameError, Store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store.open(tmp_path / "store")
    store.put_page("reports/2026-03-01/index.html", b"<p>page</p>")
    loop = tmp_path / "store" / "_site" / "loop"
    loop.symlink_to(loop)
    return store


@pytest.mark.parametrize(
    "path",
    [
        "reports", "reports/2026-03-01", "reports/2026-03-02/index.html", "reports/2026-03-01/index.html/deeper",
        "loop", "loop/index.html", "a" * 200, "/".join(["a" * 200] * 40),
    ],
)  # fmt: skip
def test_what_is_no_file_is_no_page(store: Store, path: str) -> None:
    assert store.page(path) is None


@pytest.mark.parametrize(
    "path", ["", "/", "reports/", "../graph", "reports/../../x", "a\0b", "a\nb", ".", "ä", "a" * 201]
)
def test_what_is_no_name_is_refused(store: Store, path: str) -> None:
    with pytest.raises(InvalidNameError, match="no name of a page"):
        store.page(path)


@pytest.mark.parametrize("number", [errno.EACCES, errno.EPERM, errno.EINVAL, errno.EISDIR, errno.ENAMETOOLONG])
def test_what_the_system_does_not_let_read_is_no_page(
    store: Store, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path) -> bytes:
        raise OSError(number, "refused", str(path))

    monkeypatch.setattr(Path, "read_bytes", refuse)
    assert store.page("reports/2026-03-01/index.html") is None


def test_a_broken_disk_is_an_error(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(path: Path) -> bytes:
        raise OSError(errno.EIO, "broken", str(path))

    monkeypatch.setattr(Path, "read_bytes", fail)
    with pytest.raises(OSError, match="broken"):
        store.page("reports/2026-03-01/index.html")
