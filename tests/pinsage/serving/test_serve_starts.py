"""How ``pinsage serve`` starts, or says why it does not."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

COMMAND = (sys.executable, "-m", "tasks.cli", "serve", "--root")
WITHOUT_RIGHTS_OF_ROOT = ("setpriv", "--bounding-set", "-dac_override,-dac_read_search")


def refusal(root: Path, *options: str, prefix: tuple[str, ...] = ()) -> str:
    """The one line on standard error of a service that does not start."""
    environment = {**os.environ, "NO_COLOR": "1", "COLUMNS": "1000"}
    ended = subprocess.run(
        [*prefix, *COMMAND, str(root), *options], env=environment, capture_output=True, text=True, timeout=60
    )
    assert ended.returncode == 1, ended.stderr
    assert "Traceback" not in ended.stderr
    assert len(ended.stderr.strip().splitlines()) == 1
    return ended.stderr


@pytest.mark.parametrize(
    ("host", "reason"),
    [
        ("no-such-host.invalid", "no address has that name"),
        ("é é", "no address has that name"),
        ("x" * 200, "no address has that name"),
        ("127.0.0.1:80", "no address has that name"),
        ("192.0.2.1", "no address of this machine"),
    ],
)
def test_a_host_that_cannot_be_listened_on_is_told(
    planted: tuple[Path, tuple[str, ...]], host: str, reason: str
) -> None:
    told = refusal(planted[0], "--host", host, "--port", "0")
    assert f"can't listen on {host} port 0" in told
    assert reason in told
    assert "--host or serving.host" in told


def test_a_port_in_use_is_told(planted: tuple[Path, tuple[str, ...]]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        told = refusal(planted[0], "--port", str(taken.getsockname()[1]))
    assert "Address already in use: another process listens there; choose another port (--port" in told


@pytest.mark.parametrize("part", ["", "_refs", "index"])
def test_a_root_that_may_not_be_read_is_told(planted_copy: tuple[Path, tuple[str, ...]], part: str) -> None:
    root = planted_copy[0]
    closed = root / part
    closed.chmod(0)
    try:
        prefix = WITHOUT_RIGHTS_OF_ROOT if os.geteuid() == 0 else ()
        told = refusal(root, "--port", "0", prefix=prefix)
    finally:
        closed.chmod(0o755)
    assert str(closed) in told
    assert "Permission denied" in told


def test_a_root_that_is_no_store_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert "expected a folder" in refusal(tmp_path / "file")
    assert "no index is published" in refusal(tmp_path)


@pytest.mark.parametrize("closed", [(0,), (0, 1), (2,), (0, 1, 2)])
def test_it_serves_without_standard_streams(planted: tuple[Path, tuple[str, ...]], closed: tuple[int, ...]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    redirections = " ".join(f"{descriptor}>&-" for descriptor in closed)
    script = f'exec "$@" {redirections}'
    command = [shutil.which("sh") or "sh", "-c", script, "sh", *COMMAND, str(planted[0]), "--port", str(port)]
    with subprocess.Popen(command) as process:
        try:
            answer = None
            while answer is None and process.poll() is None:
                try:
                    answer = httpx.get(f"http://127.0.0.1:{port}/items/item-7/similar", timeout=20)
                except httpx.ConnectError:
                    time.sleep(0.1)
            assert answer is not None, f"ended with {process.returncode}"
            assert answer.status_code == 200
            assert len(answer.json()["items"]) == 10
        finally:
            process.send_signal(signal.SIGINT)
        assert process.wait(30) == 130
