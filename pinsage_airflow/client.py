"""Airflow's REST API as the demo and the tests use it: trigger a DAG for a day, backfill days, wait, look at tasks."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

FINISHED = ("success", "failed", "skipped", "upstream_failed", "removed")
PROGRESS_SECONDS = 30.0


class AirflowFailedError(RuntimeError):
    """Airflow did not come up, refused a request, or a run failed; the message holds the end of the log."""


class AirflowClient:
    """Of one Airflow; logs in at its first request.

    Args:
        url: Of the API server, without a slash at the end.
        password: Of the user ``admin``.
        logs: The folder of task logs, for messages.
    """

    def __init__(self, url: str, password: str, logs: Path) -> None:
        self.url = url
        self.password = password
        self._logs = logs
        self._token = ""

    def run(
        self,
        dag: str,
        day: str,
        settings: dict[str, Any] | None = None,
        on_task: Callable[[str, str, float], None] = lambda task, state, seconds: None,
    ) -> list[dict[str, Any]]:
        """Trigger a DAG for a day, as the *Trigger* button does, and wait until the run ends; as `wait` returns."""
        self.unpause(dag)
        return self.wait(dag, self.trigger(dag, day, settings), on_task)

    def trigger(self, dag: str, day: str | None, settings: dict[str, Any] | None = None) -> str:
        """Start a run and return its id.

        Args:
            dag: Its id.
            day: The day it is for; None leaves the form's field empty.
            settings: Fields of the form that differ from their defaults.

        Raises:
            AirflowFailedError: Airflow refused, for instance a value that the form's schema forbids.
        """
        conf = {**({} if day is None else {"day": day}), **(settings or {})}
        body = {"logical_date": None, "partition_key": day, "conf": conf}
        return str(self.call("POST", f"/dags/{dag}/dagRuns", body)["dag_run_id"])

    def backfill(
        self, dag: str, first: str, last: str, *, max_active_runs: int, again: bool = False, backwards: bool = False
    ) -> int:
        """Start a backfill of the days from ``first`` to ``last``, both inclusive; return its number.

        Args:
            dag: Its id.
            first: The earliest day.
            last: The latest day.
            max_active_runs: How many days are done at a time.
            again: Whether days that have a finished run are run once more.
            backwards: Whether the latest day is started first.
        """
        body = {
            "dag_id": dag,
            "from_date": f"{first}T00:00:00Z",
            "to_date": f"{last}T00:00:00Z",
            "max_active_runs": max_active_runs,
            "reprocess_behavior": "completed" if again else "none",
            "run_backwards": backwards,
        }
        return int(self.call("POST", "/backfills", body)["id"])

    def wait(
        self,
        dag: str,
        run: str,
        on_task: Callable[[str, str, float], None] = lambda task, state, seconds: None,
        timeout_seconds: float = 3600,
    ) -> list[dict[str, Any]]:
        """Wait until a run ends.

        Args:
            dag: Its id.
            run: Its run's id.
            on_task: Called with name (that of a mapped task with what it is for), state and seconds when a task ends,
                and every half minute while one is running.
            timeout_seconds: Then it fails.

        Returns:
            The task instances: ``name``, ``task_id``, ``state``, ``seconds``.

        Raises:
            AirflowFailedError: The run failed; the message names the task and the end of its log.
        """
        reported: set[str] = set()
        started: dict[str, float] = {}
        told = time.monotonic()
        until = told + timeout_seconds
        while time.monotonic() < until:
            # Asked before the tasks, so that the tasks of an ended run are all seen.
            state = self.call("GET", f"/dags/{dag}/dagRuns/{run}")["state"]
            tasks = self.tasks(dag, run)
            for task in tasks:
                if task["state"] in FINISHED and task["name"] not in reported:
                    reported.add(task["name"])
                    on_task(task["name"], task["state"], task["seconds"])
                    told = time.monotonic()
            running = [task["name"] for task in tasks if task["state"] == "running"]
            now = time.monotonic()
            for name in running:
                started.setdefault(name, now)
            if running and now > told + PROGRESS_SECONDS:
                told = now
                for name in running:
                    on_task(name, "running", now - started[name])
            if state == "success":
                return tasks
            if state == "failed":
                raise AirflowFailedError(self._failure(dag, run, tasks))
            time.sleep(0.5)
        raise AirflowFailedError(f"{dag} {run} did not end within {timeout_seconds:.0f} s; see {self._logs}")

    def tasks(self, dag: str, run: str) -> list[dict[str, Any]]:
        """The task instances of a run, in the order of their start, as `wait` returns them."""
        found = self.call("GET", f"/dags/{dag}/dagRuns/{run}/taskInstances?limit=500")["task_instances"]
        return [
            {
                "name": each["task_id"] + _mapped(each),
                "task_id": each["task_id"],
                "state": each["state"],
                "seconds": float(each["duration"] or 0.0),
            }
            for each in sorted(found, key=lambda each: each["start_date"] or "9")
        ]

    def runs(self, dag: str) -> list[dict[str, Any]]:
        """The runs of a DAG as the API tells of them, oldest first."""
        found: list[dict[str, Any]] = self.call("GET", f"/dags/{dag}/dagRuns?limit=500&order_by=id")["dag_runs"]
        return found

    def unpause(self, dag: str, timeout_seconds: float = 120) -> None:
        """Wait until Airflow has read the DAG's file and switch the DAG on."""
        until = time.monotonic() + timeout_seconds
        while time.monotonic() < until:
            if self.request("GET", f"/dags/{dag}").status_code == 200:
                self.call("PATCH", f"/dags/{dag}", {"is_paused": False})
                return
            time.sleep(0.5)
        raise AirflowFailedError(f"Airflow does not know {dag}; import errors: {self.call('GET', '/importErrors')}")

    def call(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """Request ``/api/v2<path>`` and return the JSON of the answer.

        Raises:
            AirflowFailedError: The answer is an error; the message holds its code and text.
        """
        answer = self.request(method, path, body)
        if answer.status_code >= 400:
            raise AirflowFailedError(f"{method} {path}: {answer.status_code} {answer.text[:1000]}")
        parsed: dict[str, Any] = answer.json()
        return parsed

    def request(self, method: str, path: str, body: dict[str, Any] | None = None) -> httpx.Response:
        """Request ``/api/v2<path>`` and return the answer, whatever it is."""
        if not self._token:
            answer = httpx.post(
                f"{self.url}/auth/token", json={"username": "admin", "password": self.password}, timeout=30
            )
            self._token = str(answer.raise_for_status().json()["access_token"])
        headers = {"Authorization": f"Bearer {self._token}"}
        return httpx.request(method, f"{self.url}/api/v2{path}", json=body, headers=headers, timeout=60)

    def _failure(self, dag: str, run: str, tasks: list[dict[str, Any]]) -> str:
        lines = [f"{dag} failed"]
        for task in tasks:
            if task["state"] != "failed":
                continue
            lines.append(f"task {task['name']}:")
            logs = sorted(
                (self._logs / f"dag_id={dag}" / f"run_id={run}" / f"task_id={task['task_id']}").rglob("*.log")
            )
            lines += logs[-1].read_text(errors="replace").splitlines()[-15:] if logs else ["  (no log)"]
        return "\n".join(lines)


def _mapped(instance: dict[str, Any]) -> str:
    if instance["map_index"] < 0:
        return ""
    return f" [{instance['rendered_map_index'] or instance['map_index']}]"
