"""A scheduler at work: cron, roll-up, backfill, forms, alerts, kills, its own too; one Airflow lives through all of it.

The tests are one story and run in the order of the file. The day of the cron run is the real yesterday, so the planted
data end there.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urljoin

import httpx
import psutil
import pytest

from pinsage.store import Store
from pinsage_airflow.client import FINISHED, AirflowFailedError
from pinsage_airflow.local import LocalAirflow
from tasks.flow.run import prepare, train
from tasks.runtime.days import add_days, day_range
from tasks.runtime.session import Session
from tests.dags.collectors import Collector
from tests.dags.test_airflow_run import digests, ingest
from tests.tasks.test_pipeline import SMALL, planted

pytestmark = [pytest.mark.slow, pytest.mark.timeout(2400)]

PROJECT = Path(__file__).parents[2]
NUM_BACKFILLED = int(os.environ.get("PINSAGE_BACKFILL_DAYS", "7"))
PIECE_DAYS = 5
STORY_MINUTES = 20
SEED = os.environ.get("PINSAGE_SEED", "0")
SETTINGS: dict[str, str] = dict(setting.split("=") for setting in SMALL if "=" in setting)
# So long that it is still at work when it is killed after its first checkpoint.
LONGER = {"training.epochs": 30, "training.patience": 40}
EVEN_LONGER = {**LONGER, "training.epochs": 31}
# Another model than the champion, which any gain lets pass; and a person is asked.
ASKED = {
    "training.epochs": 1,
    "promotion.metric": "hit_rate@10",
    "promotion.min_gain": -1,
    "promotion.max_slice_loss": 1,
    "approval": True,
}
DEADLINE_SECONDS = 60


class Days(NamedTuple):
    """The real yesterday, the last whole week before it, and what a backfill does before that week is trained."""

    yesterday: str
    monday: str
    sunday: str
    backfilled: list[str]


@pytest.fixture(scope="module")
def days() -> Days:
    """Of the day on which the story begins, and on which it ends: at midnight cron starts one more run."""
    now = datetime.now(UTC)
    midnight = datetime(now.year, now.month, now.day, tzinfo=UTC) + timedelta(days=1)
    if midnight - now < timedelta(minutes=STORY_MINUTES):
        time.sleep((midnight - now).total_seconds() + 1)
    yesterday = add_days(datetime.now(UTC).date().isoformat(), -1)
    monday = add_days(yesterday, -date.fromisoformat(yesterday).weekday() - 7)
    sunday = add_days(monday, 6)
    # More than the week when it is run by itself.
    return Days(yesterday, monday, sunday, day_range(add_days(sunday, 1 - NUM_BACKFILLED), sunday))


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    """A webhook and an OpenTelemetry collector."""
    with Collector() as listening:
        yield listening


def texts(collector: Collector) -> list[str]:
    """What the webhook was told."""
    return [json.loads(body)["text"] for body in collector.posted["/"]]


@pytest.fixture(scope="module")
def source(days: Days, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    first_day = add_days(days.yesterday, -12 - len(days.backfilled))
    num_days = len(day_range(first_day, days.yesterday))
    return planted(folder, strings=True, timed=True, vectors=16, first_day=first_day, num_days=num_days)


@pytest.fixture(scope="module")
def airflow(source: Path, collector: Collector, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalAirflow]:
    folder = tmp_path_factory.mktemp("airflow")
    ingest(str(folder / "store"), source)
    environment = {
        **{f"PINSAGE_{name.replace('.', '__').upper()}": value for name, value in SETTINGS.items()},
        "PINSAGE_ALERT_URL": f"{collector.url}/",
        "AIRFLOW__METRICS__OTEL_ON": "True",
        "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": f"{collector.url}/v1/metrics",
        "OTEL_EXPORTER_OTLP_METRICS_PROTOCOL": "http/protobuf",
        "OTEL_METRIC_EXPORT_INTERVAL": "5000",
        "PINSAGE_DEADLINE_HOURS": str(DEADLINE_SECONDS / 3600),
        # A task that died with its scheduler is missed sooner than after five minutes.
        "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "30",
        "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "5",
        "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_SEC": "5",
    }
    local = LocalAirflow(
        folder / "home", str(folder / "store"), PROJECT / "dags", cron="0 0 * * *", environment=environment
    )
    with local:
        local.wait_until_up(timeout_seconds=600)
        # A consumer must be on before its producer: events of partitions are not kept for a paused DAG.
        for dag in ("pinsage_publish", "pinsage_train", "pinsage_prepare"):
            local.client.unpause(dag, timeout_seconds=600)
        yield local


@pytest.fixture(scope="module")
def second_scheduler(airflow: LocalAirflow) -> Iterator[Callable[[], None]]:
    """Starts one more scheduler, which lives as long as Airflow."""
    started: list[subprocess.Popen[bytes]] = []

    def start() -> None:
        with (airflow.home / "scheduler.log").open("ab") as log:
            command = [sys.executable, "-m", "airflow", "scheduler"]
            started.append(
                subprocess.Popen(command, env=airflow.environment, stdout=log, stderr=log, start_new_session=True)
            )

    yield start
    for process in started:
        process.terminate()
        try:
            process.wait(timeout=30)
        except subprocess.TimeoutExpired:  # it waits for its tasks
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def kill_scheduler() -> None:
    """SIGKILL to the scheduler and everything that it started, tasks at work included."""
    (leader,) = [each for each in psutil.Process().children() if "scheduler" in each.cmdline()]
    for process in [leader, *leader.children(recursive=True)]:
        process.kill()


@pytest.fixture(scope="module")
def store(airflow: LocalAirflow) -> Store:
    return Store.open(airflow.environment["PINSAGE_ROOT"])


@pytest.fixture(scope="module")
def alone(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Session:
    """The same deliveries in a store where days are run one by one, without Airflow."""
    root = str(tmp_path_factory.mktemp("alone") / "store")
    ingest(root, source)
    return Session.open(root, {name: json.loads(value) for name, value in SETTINGS.items()})


def until(wanted: Callable[[], Any], seconds: float = 600) -> Any:
    """Wait until ``wanted`` is true and return what it returned."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = wanted()
        if found:
            return found
        time.sleep(0.5)
    raise AssertionError("it never happened")


def versions_of(root: str, day: str) -> set[tuple[str, str]]:
    """URI and content digest of every version of a day."""
    return {(uri, digest) for uri, digest in digests(root).items() if uri.split("/")[-2] == day}


def test_a_form_that_breaks_its_schema_is_refused(airflow: LocalAirflow) -> None:
    for conf in ({"walks.top_t": 0}, {"day": "2026-02-30"}, {"validation.num_samples": "many"}):
        answer = airflow.client.request("POST", "/dags/pinsage_prepare/dagRuns", {"logical_date": None, "conf": conf})
        assert answer.status_code == 400, conf
        assert next(iter(conf)) in answer.text


def test_by_hand_without_a_day_it_fails_at_once_and_says_so(airflow: LocalAirflow, collector: Collector) -> None:
    run = airflow.client.trigger("pinsage_prepare", None)
    with pytest.raises(AirflowFailedError, match="trigger it with the day it is for"):
        airflow.client.wait("pinsage_prepare", run)
    task = airflow.client.call("GET", f"/dags/pinsage_prepare/dagRuns/{run}/taskInstances/plan_days")
    assert (task["state"], task["try_number"]) == ("failed", 1)
    assert any("plan_days failed" in text and run in text for text in texts(collector))


def test_the_cron_run_prepares_the_day_before_and_links_its_pages(
    airflow: LocalAirflow, store: Store, days: Days
) -> None:
    client, yesterday = airflow.client, days.yesterday
    run = until(lambda: [run for run in client.runs("pinsage_prepare") if run["run_type"] == "scheduled"])[0]
    assert run["partition_key"] == yesterday
    names = [task["name"] for task in client.wait("pinsage_prepare", run["dag_run_id"])]
    assert any(name.startswith("validate [") and name.endswith(f" to {yesterday}]") for name in names), names
    assert store.ref_names("prepared") == [yesterday]
    # Nobody promoted a model yet: the publication that the day started has nothing to do.
    publication = until(lambda: client.runs("pinsage_publish"))[0]
    assert publication["partition_key"] == yesterday
    assert {task["state"] for task in client.wait("pinsage_publish", publication["dag_run_id"])} == {"skipped"}

    path = f"/dags/pinsage_prepare/dagRuns/{run['dag_run_id']}/taskInstances/data_docs/links"
    page = urljoin(client.url, client.call("GET", path)["extra_links"]["Data Docs"])
    assert httpx.get(page, timeout=60).status_code == 401
    user = {"username": "admin", "password": client.password}
    token = httpx.post(f"{client.url}/auth/token", json=user, timeout=60).json()
    login = {"Authorization": f"Bearer {token['access_token']}"}
    assert "Data Docs" in httpx.get(page, headers=login, timeout=60).text
    assert yesterday in httpx.get(f"{client.url}/pinsage/site/", headers=login, timeout=60).text
    for outside in ("..%2fgraph", "..%2f..%2f..%2fetc/passwd", "reports"):
        answer = httpx.get(f"{client.url}/pinsage/site/{outside}", headers=login, timeout=60)
        assert answer.status_code == 404


def test_a_shuffled_backfill_in_parallel_equals_days_one_by_one(
    airflow: LocalAirflow, store: Store, alone: Session, days: Days
) -> None:
    client, order = airflow.client, random.Random(SEED)
    pieces = [days.backfilled[start : start + PIECE_DAYS] for start in range(0, len(days.backfilled), PIECE_DAYS)]
    for piece in order.sample(pieces, len(pieces)):
        backwards = order.random() < 0.5
        number = client.backfill("pinsage_prepare", piece[0], piece[-1], max_active_runs=4, backwards=backwards)
        until(lambda number=number: client.call("GET", f"/backfills/{number}")["completed_at"])
    assert set(store.ref_names("prepared")) == {*days.backfilled, days.yesterday}
    for day in days.backfilled:
        list(prepare(alone, day))
        assert versions_of(store.root, day) >= versions_of(alone.store.root, day)


def test_a_whole_week_trains_and_its_champion_is_published(airflow: LocalAirflow, store: Store, days: Days) -> None:
    client = airflow.client
    run = until(lambda: client.runs("pinsage_train"))[0]
    assert run["partition_key"] == days.monday
    client.wait("pinsage_train", run["dag_run_id"])
    champion = store.ref("champion").head()
    assert champion is not None
    assert champion.uri.startswith(f"model/{days.sunday}/")

    before = len([*day_range(days.monday, days.sunday), days.yesterday])
    publication = until(lambda: client.runs("pinsage_publish")[before:])[0]
    assert publication["partition_key"] == days.yesterday
    names = [task["name"] for task in client.wait("pinsage_publish", publication["dag_run_id"])]
    assert {"layer_0 [rows 0 to 600]", "build_shard [shard 0]"} <= set(names), names
    published = store.referenced("published")
    assert published is not None
    assert published.partition == days.yesterday


def test_a_backfill_in_order_from_the_command_line_leaves_the_newer_day_published(
    airflow: LocalAirflow, store: Store, alone: Session, days: Days
) -> None:
    client, earlier = airflow.client, [add_days(days.monday, -2), add_days(days.monday, -1)]
    head = store.ref("published").head()
    first_day, last_day = earlier
    arguments = ["--dag-id", "pinsage_prepare", "--from-date", first_day, "--to-date", last_day]
    arguments += ["--max-active-runs", "1"]
    command = [sys.executable, "-m", "airflow", "backfill", "create", *arguments]
    done = subprocess.run(command, env=airflow.environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr

    def ended() -> list[dict[str, Any]]:
        runs = [run for run in client.runs("pinsage_prepare") if run["partition_key"] in earlier]
        return runs if len(runs) == len(earlier) and all(run["state"] == "success" for run in runs) else []

    first, second = sorted(until(ended), key=lambda run: run["partition_key"])
    assert first["end_date"] <= second["start_date"]
    for day in earlier:
        list(prepare(alone, day))
        assert versions_of(store.root, day) >= versions_of(alone.store.root, day)
    until(lambda: {run["partition_key"] for run in client.runs("pinsage_publish")} >= set(earlier))
    for run in client.runs("pinsage_publish"):
        client.wait("pinsage_publish", run["dag_run_id"])
    assert store.ref("published").head() == head


def test_a_killed_training_resumes_to_the_same_weights(
    airflow: LocalAirflow, store: Store, alone: Session, days: Days
) -> None:
    client, sunday = airflow.client, days.sunday
    before = set(store.fingerprints("checkpoints/model", sunday))
    run = client.trigger("pinsage_train", sunday, LONGER)
    path = f"/dags/pinsage_train/dagRuns/{run}/taskInstances/train_model"
    until(lambda: set(store.fingerprints("checkpoints/model", sunday)) - before)
    pid = client.call("GET", path)["pid"]
    training = psutil.Process(pid).children(recursive=True)
    # As Airflow does it: SIGTERM, and five seconds later SIGKILL to whatever is left.
    for number, patience in ((signal.SIGTERM, 5.0), (signal.SIGKILL, 0.0)):
        if psutil.pid_exists(pid):
            os.killpg(os.getpgid(pid), number)
            psutil.wait_procs(training, timeout=patience)
    client.wait("pinsage_train", run)
    assert client.call("GET", path)["try_number"] == 2
    longer = Session.open(alone.store.root, {**{k: json.loads(v) for k, v in SETTINGS.items()}, **LONGER})
    for step in train(longer, sunday):
        if step.stage == "train_model":
            assert store.version(step.made).content_digest == longer.store.version(step.made).content_digest
            return


def test_a_scheduler_that_is_killed_with_its_tasks_and_started_again_ends_the_run(
    airflow: LocalAirflow, store: Store, alone: Session, days: Days, second_scheduler: Callable[[], None]
) -> None:
    client, sunday = airflow.client, days.sunday
    before = set(store.fingerprints("checkpoints/model", sunday))
    run = client.trigger("pinsage_train", sunday, EVEN_LONGER)
    until(lambda: set(store.fingerprints("checkpoints/model", sunday)) - before)
    kill_scheduler()
    second_scheduler()
    client.wait("pinsage_train", run)
    task = client.call("GET", f"/dags/pinsage_train/dagRuns/{run}/taskInstances/train_model")
    assert (task["state"], task["try_number"]) == ("success", 2)
    configured = {name: json.loads(value) for name, value in SETTINGS.items()}
    longer = Session.open(alone.store.root, {**configured, **EVEN_LONGER})
    model = next(step.made for step in train(longer, sunday) if step.stage == "train_model")
    assert store.version(model).content_digest == longer.store.version(model).content_digest


def test_a_person_rejects_a_challenger_and_approves_it_later(airflow: LocalAirflow, store: Store, days: Days) -> None:
    client, champions = airflow.client, store.ref("champion")
    before = champions.head()
    assert before is not None
    for choice in ("Reject", "Approve"):
        run = client.trigger("pinsage_train", days.sunday, ASKED)
        task = f"/dags/pinsage_train/dagRuns/{run}/taskInstances/approve_promotion"
        until(lambda task=task: client.call("GET", task)["state"] == "awaiting_input")
        asked = client.call("GET", f"{task}/-1/hitlDetails")
        assert "on the same pairs" in asked["body"]
        assert "| PinSage |" in asked["body"]
        assert champions.head() == before
        time.sleep(3.0)  # an answer in the very second of the question is lost, and Airflow asks again
        while client.call("GET", task)["state"] not in FINISHED:
            detail = client.call("GET", f"{task}/-1/hitlDetails")
            if not detail["response_received"]:
                client.call("PATCH", f"{task}/-1/hitlDetails", {"chosen_options": [choice], "params_input": {}})
            time.sleep(1.0)
        states = {each["task_id"]: each["state"] for each in client.wait("pinsage_train", run)}
        followed = "success" if choice == "Approve" else "skipped"
        assert states["promote_model"] == states["announce_champion"] == followed, choice
    after = champions.head()
    assert after is not None
    assert (after.number, after.uri == before.uri) == (before.number + 1, False)


def test_a_run_that_is_not_done_in_time_is_told_of(airflow: LocalAirflow, collector: Collector) -> None:
    failed, *_ = [run["dag_run_id"] for run in airflow.client.runs("pinsage_prepare") if run["state"] == "failed"]
    until(lambda: [text for text in texts(collector) if "pinsage_prepare is late" in text and failed in text])


def test_metrics_flow_to_a_collector(airflow: LocalAirflow, collector: Collector) -> None:
    for name in (b"airflow.scheduler_heartbeat", b"airflow.task.duration", b"pinsage_prepare"):
        until(lambda name=name: any(name in each for each in collector.posted["/v1/metrics"]))
