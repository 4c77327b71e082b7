"""Airflow on this machine alone: SQLite, LocalExecutor, loopback, a home of its own; stops all that it started.

Each of its three processes leads a session of its own, in which everything that it starts stays. So a Ctrl-C of the
terminal reaches none of them half-way, and all of them are found again by their session: when they are stopped, and at
the next start when whoever started them was killed. A training process has a session of its own but dies with its task.
"""

from __future__ import annotations

import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

import httpx
import psutil

from pinsage_airflow.client import AirflowClient, AirflowFailedError

PROCESSES = ("api-server", "scheduler", "dag-processor")
POOLS = {"gpu": "one training at a time", "dask": "one Dask cluster at a time"}
PATIENCE_SECONDS = 10.0


class LocalAirflow:
    """A context manager that starts ``airflow api-server``, ``scheduler`` and ``dag-processor``, and ends them.

    Args:
        home: Folder for Airflow's database, logs and password.
        root: Store root that the DAGs work on.
        dags: Folder of the DAG files.
        cron: Schedule of the daily DAG; empty = only by hand.
        environment: More variables for Airflow and its tasks.
    """

    def __init__(
        self, home: Path, root: str, dags: Path, cron: str = "", environment: Mapping[str, str] | None = None
    ) -> None:
        self.home = home.absolute()
        self.home.mkdir(parents=True, exist_ok=True)
        self._processes: list[subprocess.Popen[bytes]] = []
        self._sessions = self.home / "processes.json"
        passwords = self.home / "passwords.json"
        if not passwords.exists():
            passwords.touch(0o600)
            passwords.write_text(json.dumps({"admin": secrets.token_urlsafe(12)}))
        port = _free_port()
        self.url = f"http://127.0.0.1:{port}"
        self.client = AirflowClient(self.url, str(json.loads(passwords.read_text())["admin"]), self.home / "logs")
        settings = {
            "CORE__DAGS_FOLDER": str(dags.absolute()),
            "CORE__LOAD_EXAMPLES": "False",
            "CORE__EXECUTOR": "LocalExecutor",
            "CORE__PARALLELISM": "4",
            "CORE__SIMPLE_AUTH_MANAGER_USERS": "admin:admin",
            "CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(passwords),
            "CORE__EXECUTION_API_SERVER_URL": f"{self.url}/execution/",
            "DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{self.home}/airflow.db",
            "API__HOST": "127.0.0.1",
            "API__PORT": str(port),
            "API__BASE_URL": self.url,
            "API__WORKERS": "1",
            "API__SECRET_KEY": secrets.token_hex(16),
            "API_AUTH__JWT_SECRET": secrets.token_hex(32),
            "DAG_PROCESSOR__REFRESH_INTERVAL": "30",
        }
        self.environment = {
            **os.environ,
            **{f"AIRFLOW__{name}": value for name, value in settings.items()},
            "AIRFLOW_HOME": str(self.home),
            "PINSAGE_ROOT": root,
            "PINSAGE_CRON": cron,
            "PINSAGE_GPU_POOL": "gpu",
            "PINSAGE_DASK_POOL": "dask",
            "GX_ANALYTICS_ENABLED": "false",
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}",
            **(environment or {}),
        }

    def __enter__(self) -> LocalAirflow:
        self._end_sessions()
        try:
            self._migrate()
            for name in PROCESSES:
                self._start(name)
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def wait_until_up(self, timeout_seconds: float = 180) -> None:
        """Wait until scheduler and DAG processor are healthy, and make the pools.

        Raises:
            AirflowFailedError: One of the processes ended, or the time is over.
        """
        until = time.monotonic() + timeout_seconds
        while time.monotonic() < until:
            for name, process in zip(PROCESSES, self._processes, strict=True):
                if process.poll() is not None:
                    tail = (self.home / f"{name}.log").read_text(errors="replace")[-2000:]
                    raise AirflowFailedError(f"airflow {name} ended with code {process.returncode}:\n{tail}")
            try:
                health = httpx.get(f"{self.url}/api/v2/monitor/health", timeout=5).json()
                if health["scheduler"]["status"] == "healthy" and health["dag_processor"]["status"] == "healthy":
                    return self._make_pools()
            except (httpx.HTTPError, KeyError, ValueError):
                pass
            time.sleep(0.5)
        raise AirflowFailedError(f"Airflow was not healthy after {timeout_seconds:.0f} s; see {self.home}/*.log")

    def _make_pools(self) -> None:
        for pool, meaning in POOLS.items():
            made = self.client.request("POST", "/pools", {"name": pool, "slots": 1, "description": meaning})
            if made.status_code not in (201, 409):
                raise AirflowFailedError(f"pool {pool}: {made.status_code} {made.text[:500]}")

    def stop(self) -> None:
        """End the three processes and all that they started: SIGTERM, after ten seconds SIGKILL."""
        with _undisturbed():
            self._end_sessions()
            for process in self._processes:
                process.wait()
            self._processes = []

    def _start(self, name: str) -> None:
        with (self.home / f"{name}.log").open("ab") as log, _undisturbed():
            process = subprocess.Popen(
                [sys.executable, "-m", "airflow", name],
                env=self.environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
            self._processes.append(process)
            sessions = {str(each.pid): psutil.Process(each.pid).create_time() for each in self._processes}
            staged = self._sessions.with_suffix(".part")
            staged.write_text(json.dumps(sessions))
            staged.replace(self._sessions)

    def _end_sessions(self) -> None:
        """End every process of the recorded sessions; none is recorded after the first start."""
        if not self._sessions.exists():
            return
        recorded = {int(pid): created for pid, created in json.loads(self._sessions.read_text()).items()}
        members = _members(recorded)
        for process in members:
            # The leaders end their children themselves, in order.
            if process.pid in recorded:
                process.terminate()
        psutil.wait_procs(members, timeout=PATIENCE_SECONDS)
        left = _members(recorded)
        for process in left:
            process.kill()
        psutil.wait_procs(left, timeout=PATIENCE_SECONDS)
        self._sessions.unlink()

    def _migrate(self) -> None:
        made = subprocess.run(
            [sys.executable, "-m", "airflow", "db", "migrate"],
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if made.returncode != 0:
            raise AirflowFailedError(f"airflow db migrate failed:\n{(made.stdout + made.stderr)[-2000:]}")


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Hold Ctrl-C and SIGTERM back until the end of the block, so that no process is started and then forgotten."""
    caught: list[int] = []
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, lambda number, frame: caught.append(number)) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)
    if caught:
        raise KeyboardInterrupt


def _members(sessions: Mapping[int, float]) -> list[psutil.Process]:
    """The living processes of the sessions, given as leader's pid -> its start in seconds since the epoch.

    A pid names no new session while the old one has members; a leader that started at another time is a stranger's.
    """
    members = []
    for process in psutil.process_iter():
        try:
            leader = os.getsid(process.pid)
            if leader not in sessions or process.status() == psutil.STATUS_ZOMBIE:
                continue
            # Not to the digit: the time is reckoned from that of the boot, which a clock that is set moves.
            strange = psutil.pid_exists(leader) and abs(psutil.Process(leader).create_time() - sessions[leader]) > 2.0
            if not strange:
                members.append(process)
        except (ProcessLookupError, PermissionError, psutil.Error):
            continue
    return members


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
