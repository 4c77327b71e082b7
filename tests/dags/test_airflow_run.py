"""Airflow makes the versions that ``pinsage run all`` makes, which also makes them when killed again and again."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from pinsage.store import Store
from tests.dags.collectors import Collector, statsd_listener
from tests.faults.stages import copy
from tests.tasks.test_pipeline import DAY, SMALL, pinsage, planted

PROJECT = Path(__file__).parents[2]
GRAPH_DAY, AS_OF = "2026-03-15", "2026-03-17"

RUN = """
import json, sys
from airflow.utils.db import initdb
initdb()
from airflow.dag_processing.dagbag import DagBag
settings = dict(item.split("=") for item in json.loads(sys.argv[2]) if "=" in item)
days = sys.argv[3:]
for name, day in (*(("prepare", day) for day in days), ("train", days[-1]), ("publish", days[-1])):
    dag = DagBag(sys.argv[1]).dags["pinsage_" + name]
    conf = {key: json.loads(value) for key, value in settings.items() if key in dag.params}
    run = dag.test(run_conf={"day": day, **conf})
    assert run.state == "success", (name, day, run.state)
"""


def digests(root: str) -> dict[str, str]:
    """Content digest of every version that the whole day makes, by URI."""
    store = Store.open(root)
    found = {}
    for info in store.objects.walk(""):
        if "/_commits/" in info.key and not info.key.startswith("_"):
            folder, _, name = info.key.partition("/_commits/")
            version = store.version(f"{folder}/{name.removesuffix('.json')}")
            found[version.uri] = version.content_digest
    return found


@pytest.fixture(scope="module")
def calm(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """The planted files, and the digests of an undisturbed run without Airflow."""
    folder = tmp_path_factory.mktemp("calm")
    source = planted(folder / "data", strings=True, timed=True, vectors=16)
    ingest(str(folder / "store"), source)
    pinsage("run", "all", "--day", DAY, "--root", str(folder / "store"), *SMALL)
    return source, digests(str(folder / "store"))


def ingest(root: str, source: Path) -> None:
    pinsage(
        "ingest", "--root", root, "--items", str(source / "items.parquet"), "--saves", str(source / "saves.parquet"),
        "--board-id", "collection", "--timestamp", "ts", "--vector", "image=embedding",
    )  # fmt: skip


def run_dags(root: str, home: Path, **environment: str) -> None:
    """Prepare three days, train and publish, by Airflow in a process of its own."""
    # The holdout is a setting of two DAGs' stages; the environment sets it for all of them.
    arguments = [str(PROJECT / "dags"), json.dumps(SMALL), GRAPH_DAY, AS_OF, DAY]
    home.mkdir()
    script = home / "run_dags.py"  # a file, because without one Airflow finds no listeners of tasks
    script.write_text(RUN)
    done = subprocess.run(
        [sys.executable, str(script), *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={
            **os.environ,
            "AIRFLOW_HOME": str(home),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__DAGS_FOLDER": str(PROJECT / "dags"),
            "PINSAGE_ROOT": root,
            "PINSAGE_CRON": "",
            **environment,
        },
    )
    assert done.returncode == 0, (done.stdout + done.stderr)[-4000:]


@pytest.mark.slow
def test_airflow_makes_the_same_versions(calm: tuple[Path, dict[str, str]], tmp_path: Path) -> None:
    source, expected = calm
    root = str(tmp_path / "store")
    ingest(root, source)
    run_dags(root, tmp_path / "airflow")
    assert digests(root) == expected


@pytest.mark.slow
def test_lineage_and_metrics_are_heard_by_those_who_listen(calm: tuple[Path, dict[str, str]], tmp_path: Path) -> None:
    root = str(copy(calm[0].parent / "store", tmp_path / "store"))
    with Collector() as collector, statsd_listener() as (port, metrics):
        run_dags(
            root,
            tmp_path / "airflow",
            AIRFLOW__METRICS__STATSD_ON="True",
            AIRFLOW__METRICS__STATSD_HOST="127.0.0.1",
            AIRFLOW__METRICS__STATSD_PORT=str(port),
            AIRFLOW__OPENLINEAGE__TRANSPORT=json.dumps({"type": "http", "url": collector.url, "timeout": 60}),
            AIRFLOW__OPENLINEAGE__NAMESPACE="shop",
            AIRFLOW__OPENLINEAGE__EXECUTE_IN_THREAD="True",
            AIRFLOW__OPENLINEAGE__EXECUTION_TIMEOUT="120",
        )
    for task in ("pinsage_prepare.build_graph", "pinsage_train.train_model", "pinsage_publish.publish_index"):
        assert any(line.startswith(f"airflow.ti.finish.{task}.success:") for line in metrics), task
    told: dict[str, dict[str, Any]] = {}
    for event in map(json.loads, collector.posted["/api/v1/lineage"]):
        assert event["job"]["namespace"] == "shop"
        if event["eventType"] == "COMPLETE":
            told[event["job"]["name"]] = event
    for job, inputs, outputs in (
        ("pinsage_prepare.record_prepared", set(), {"prepared"}),
        ("pinsage_train.build_pairs", {"prepared"}, set()),
        ("pinsage_train.announce_champion", set(), {"champion"}),
        ("pinsage_publish.choose_model", {"prepared", "champion"}, set()),
    ):
        for side, names in (("inputs", inputs), ("outputs", outputs)):
            assert {(each["namespace"], each["name"]) for each in told[job].get(side, [])} == {
                (root, name) for name in names
            }, job


@pytest.mark.slow
def test_killed_at_random_moments_and_rerun_gives_the_same_digests(
    calm: tuple[Path, dict[str, str]], tmp_path: Path
) -> None:
    source, expected = calm
    root = str(tmp_path / "store")
    ingest(root, source)
    command = [sys.executable, "-m", "tasks.cli", "run", "all", "--day", DAY, "--root", root, *SMALL]
    moments = random.Random(4)
    kills = 0
    for _ in range(6):
        process = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )
        time.sleep(moments.uniform(3.0, 9.0))
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            kills += 1
        process.wait()
    assert kills >= 2
    pinsage("run", "all", "--day", DAY, "--root", root, *SMALL)
    assert digests(root) == expected
