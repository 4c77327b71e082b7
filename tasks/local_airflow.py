"""Airflow on this machine alone: SQLite, LocalExecutor, loopback, a home of its own; stops all that it started."""

from __future__ import annotations

import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

import httpx

PROCESSES = ("api-server", "scheduler", "dag-processor")
FINISHED = ("success", "failed", "skipped", "upstream_failed", "removed")


class AirflowFailedError(RuntimeError):
    """Airflow did not come up, or a run failed; the message holds the end of the log."""


class LocalAirflow:
    """A context manager around ``airflow api-server``, ``scheduler`` and ``dag-processor``.

    Args:
        home: Folder for Airflow's database, logs and password.
        root: Store root that the DAGs work on.
        dags: Folder of the DAG files.
        cron: Schedule of the daily DAG; empty = only by hand.
    """

    def __init__(self, home: Path, root: str, dags: Path, cron: str = "") -> None:
        self.home = home.absolute()
        self._processes: list[subprocess.Popen[bytes]] = []
        self._token = ""
        self.port = _free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.home.mkdir(parents=True, exist_ok=True)
        self._passwords = self.home / "passwords.json"
        if not self._passwords.exists():
            self._passwords.write_text(json.dumps({"admin": secrets.token_urlsafe(12)}))
            self._passwords.chmod(0o600)
        settings = {
            "CORE__DAGS_FOLDER": str(dags.absolute()),
            "CORE__LOAD_EXAMPLES": "False",
            "CORE__EXECUTOR": "LocalExecutor",
            "CORE__PARALLELISM": "4",
            "CORE__SIMPLE_AUTH_MANAGER_USERS": "admin:admin",
            "CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(self._passwords),
            "CORE__EXECUTION_API_SERVER_URL": f"{self.url}/execution/",
            "DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{self.home}/airflow.db",
            "API__HOST": "127.0.0.1",
            "API__PORT": str(self.port),
            "API__BASE_URL": self.url,
            "API__WORKERS": "1",
            "API__SECRET_KEY": secrets.token_hex(16),
            "API_AUTH__JWT_SECRET": secrets.token_hex(32),
            "LOGGING__LOGGING_LEVEL": "WARNING",
            "DAG_PROCESSOR__REFRESH_INTERVAL": "30",
        }
        self._environment = {
            **os.environ,
            **{f"AIRFLOW__{name}": value for name, value in settings.items()},
            "AIRFLOW_HOME": str(self.home),
            "PINSAGE_ROOT": root,
            "PINSAGE_CRON": cron,
            "GX_ANALYTICS_ENABLED": "false",
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}",
        }

    @property
    def password(self) -> str:
        """Of the user ``admin``."""
        return str(json.loads(self._passwords.read_text())["admin"])

    def __enter__(self) -> LocalAirflow:
        try:
            self._migrate()
            for name in PROCESSES:
                log = (self.home / f"{name}.log").open("ab")
                # A group of its own, so that workers and children end with it.
                self._processes.append(
                    subprocess.Popen(
                        [sys.executable, "-m", "airflow", name],
                        env=self._environment,
                        stdout=log,
                        stderr=subprocess.STDOUT,
                        stdin=subprocess.DEVNULL,
                        start_new_session=True,
                    )
                )
            self._wait_until_up()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """End every process group: SIGTERM, after ten seconds SIGKILL."""
        for signal_number, patience in ((signal.SIGTERM, 10.0), (signal.SIGKILL, 5.0)):
            for process in self._processes:
                try:
                    os.killpg(process.pid, signal_number)
                except ProcessLookupError:
                    continue
            until = time.monotonic() + patience
            for process in self._processes:
                try:
                    process.wait(max(0.1, until - time.monotonic()))
                except subprocess.TimeoutExpired:
                    continue
        self._processes = []

    def run(
        self,
        dag: str,
        day: str,
        settings: dict[str, Any] | None = None,
        on_task: Callable[[str, str, float], None] = lambda task, state, seconds: None,
        timeout_seconds: float = 3600,
    ) -> list[dict[str, Any]]:
        """Trigger a DAG for a day, as the *Trigger* button does, and wait until the run ends.

        Args:
            dag: Its id.
            day: The day it is for; also the partition key.
            settings: Fields of the form that differ from their defaults.
            on_task: Called with name, state and seconds when a task ends.
            timeout_seconds: Then it fails.

        Returns:
            The task instances: ``name``, ``state``, ``seconds``.

        Raises:
            AirflowFailedError: The run failed; the message names the task and the end of its log.
        """
        self._wait_for_dag(dag)
        self._call("PATCH", f"/dags/{dag}", {"is_paused": False})
        body = {"logical_date": None, "partition_key": day, "conf": {"day": day, **(settings or {})}}
        run = self._call("POST", f"/dags/{dag}/dagRuns", body)["dag_run_id"]
        reported: set[str] = set()
        until = time.monotonic() + timeout_seconds
        while time.monotonic() < until:
            tasks = self._tasks(dag, run)
            for task in tasks:
                if task["state"] in FINISHED and task["name"] not in reported:
                    reported.add(task["name"])
                    on_task(task["name"], task["state"], task["seconds"])
            state = self._call("GET", f"/dags/{dag}/dagRuns/{run}")["state"]
            if state == "success":
                return self._tasks(dag, run)
            if state == "failed":
                raise AirflowFailedError(self._failure(dag, run, tasks))
            time.sleep(1.0)
        raise AirflowFailedError(f"{dag} for {day} did not end within {timeout_seconds:.0f} s; see {self.home}/logs")

    def _tasks(self, dag: str, run: str) -> list[dict[str, Any]]:
        found = self._call("GET", f"/dags/{dag}/dagRuns/{run}/taskInstances?limit=500")["task_instances"]
        return [
            {
                "name": each["task_id"] + (f" [{each['map_index']}]" if each["map_index"] >= 0 else ""),
                "task_id": each["task_id"],
                "state": each["state"],
                "seconds": float(each["duration"] or 0.0),
            }
            for each in sorted(found, key=lambda each: each["start_date"] or "9")
        ]

    def _failure(self, dag: str, run: str, tasks: list[dict[str, Any]]) -> str:
        lines = [f"{dag} failed"]
        for task in tasks:
            if task["state"] != "failed":
                continue
            lines.append(f"task {task['name']}:")
            logs = sorted(
                (self.home / "logs" / f"dag_id={dag}" / f"run_id={run}" / f"task_id={task['task_id']}").rglob("*.log")
            )
            lines += logs[-1].read_text(errors="replace").splitlines()[-15:] if logs else ["  (no log)"]
        return "\n".join(lines)

    def _migrate(self) -> None:
        made = subprocess.run(
            [sys.executable, "-m", "airflow", "db", "migrate"],
            env=self._environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if made.returncode != 0:
            raise AirflowFailedError(f"airflow db migrate failed:\n{(made.stdout + made.stderr)[-2000:]}")

    def _wait_until_up(self, timeout_seconds: float = 180) -> None:
        until = time.monotonic() + timeout_seconds
        while time.monotonic() < until:
            self._check_alive()
            try:
                health = httpx.get(f"{self.url}/api/v2/monitor/health", timeout=5).json()
                if health["scheduler"]["status"] == "healthy" and health["dag_processor"]["status"] == "healthy":
                    return
            except (httpx.HTTPError, KeyError, ValueError):
                pass
            time.sleep(0.5)
        raise AirflowFailedError(f"Airflow was not healthy after {timeout_seconds:.0f} s; see {self.home}/*.log")

    def _check_alive(self) -> None:
        for name, process in zip(PROCESSES, self._processes, strict=False):
            if process.poll() is not None:
                tail = (self.home / f"{name}.log").read_text(errors="replace")[-2000:]
                raise AirflowFailedError(f"airflow {name} ended with code {process.returncode}:\n{tail}")

    def _wait_for_dag(self, dag: str, timeout_seconds: float = 120) -> None:
        until = time.monotonic() + timeout_seconds
        while time.monotonic() < until:
            self._check_alive()
            answer = self._request("GET", f"/dags/{dag}", None)
            if answer.status_code == 200:
                return
            time.sleep(0.5)
        errors = self._call("GET", "/importErrors")
        raise AirflowFailedError(f"Airflow does not know {dag}; import errors: {errors}")

    def _call(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        answer = self._request(method, path, body)
        if answer.status_code >= 400:
            raise AirflowFailedError(f"{method} {path}: {answer.status_code} {answer.text[:1000]}")
        parsed: dict[str, Any] = answer.json()
        return parsed

    def _request(self, method: str, path: str, body: dict[str, Any] | None) -> httpx.Response:
        if not self._token:
            answer = httpx.post(
                f"{self.url}/auth/token", json={"username": "admin", "password": self.password}, timeout=30
            )
            self._token = str(answer.raise_for_status().json()["access_token"])
        headers = {"Authorization": f"Bearer {self._token}"}
        return httpx.request(method, f"{self.url}/api/v2{path}", json=body, headers=headers, timeout=60)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
