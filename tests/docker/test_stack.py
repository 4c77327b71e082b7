"""A day on Celery, PostgreSQL, Dask and an object store, triggered by REST, in the containers of docker/."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from pinsage_airflow.client import AirflowClient
from tests.docker.stack import PROJECT, Stack, deployment
from tests.tasks.test_pipeline import COMMUNITIES, DAY, pinsage, planted

pytestmark = [pytest.mark.docker, pytest.mark.timeout(2400)]
GRAPH_DAY, AS_OF = "2026-03-15", "2026-03-17"
TRAINING = {
    "training.epochs": 3,
    "training.epoch_steps": 40,
    "training.batch_pairs": 256,
    "training.shared_negatives": 200,
    "evaluation.holdout_days": 3,
    "pairs.graph_lag_days": 2,
}
INGEST = ("--board-id", "collection", "--timestamp", "ts", "--vector", "image=embedding")
PREPARED = ("catalog", "graph", "features", "neighborhoods")
AT_WORK = """
from distributed import Client
with Client("tcp://dask-scheduler:8786") as client:
    print(client.run_on_scheduler(lambda dask_scheduler: dask_scheduler.transition_counter))
"""
DIGESTS = """
import json, sys
from pinsage.store import Store
store = Store.open(sys.argv[1])
print(json.dumps({
    dataset: {version.uri: version.content_digest for day in store.partitions(dataset)
              for version in store.versions(dataset, day)}
    for dataset in sys.argv[2:]
}))
"""


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return planted(tmp_path_factory.mktemp("data"), strings=True, timed=True, vectors=16)


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with deployment(tmp_path_factory.mktemp("stack")) as up:
        if "s3" in up.compose("config", "--services").split():
            make_bucket(up)
        yield up


def make_bucket(stack: Stack) -> None:
    """MinIO makes the bucket when it starts; moto, its stand-in, is asked to."""
    image = json.loads(stack.compose("config", "--format", "json"))["services"]["s3"]["image"]
    if image.endswith(":stand-in"):
        request = "import urllib.request as u; u.urlopen(u.Request('http://127.0.0.1:9000/pinsage', method='PUT'))"
        stack.inside("s3", "python", "-c", request)


def test_without_secrets_nothing_starts(stack: Stack) -> None:
    empty = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "PINSAGE", "AWS"))}
    client = stack._compose[: stack._compose.index("--project-name")]
    command = [*client, "--env-file", os.devnull, "--file", "docker/compose.yaml", "config", "--quiet"]
    done = subprocess.run(command, cwd=PROJECT, env=empty, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    for name in ("POSTGRES_PASSWORD", "REDIS_PASSWORD", "AIRFLOW_ADMIN_PASSWORD", "AIRFLOW_JWT_SECRET", "PINSAGE_ROOT"):
        assert f"required variable {name} is missing" in done.stderr


def test_nobody_is_root_and_the_control_image_is_slim(stack: Stack) -> None:
    for service in ("api-server", "scheduler", "dag-processor", "triggerer", "worker", "trainer", "dask-worker"):
        assert stack.inside(service, "id", "-u").strip() == "50000", service
    heavy = (
        "import importlib.util as u; print([n for n in ('torch','dask','numba','pyarrow','pandas') if u.find_spec(n)])"
    )
    assert stack.inside("scheduler", "python", "-c", heavy).strip() == "[]"
    assert "No data found" in stack.inside("dag-processor", "airflow", "dags", "list-import-errors", "--local")


def test_a_day_goes_through(stack: Stack, source: Path, tmp_path: Path) -> None:
    root = stack.secret("PINSAGE_ROOT")
    for name in ("items", "saves"):
        stack.compose("cp", str(source / f"{name}.parquet"), f"worker:/tmp/{name}.parquet")
    files = ("--items", "/tmp/items.parquet", "--saves", "/tmp/saves.parquet")
    stack.inside("worker", "pinsage", "ingest", "--root", root, *files, *INGEST)

    airflow = AirflowClient(stack.url, stack.secret("AIRFLOW_ADMIN_PASSWORD"), tmp_path)
    for day in (GRAPH_DAY, AS_OF, DAY):
        airflow.run("pinsage_prepare", day)
    airflow.run("pinsage_train", DAY, TRAINING)
    airflow.run("pinsage_publish", DAY, {"index.num_queries": 100})

    run = airflow.runs("pinsage_train")[-1]["dag_run_id"]
    instances = airflow.call("GET", f"/dags/pinsage_train/dagRuns/{run}/taskInstances")["task_instances"]
    queues = {each["task_id"]: each["queue"] for each in instances}
    trained = next(each for each in instances if each["task_id"] == "train_model")
    assert queues["train_model"] == "trainer"
    assert trained["hostname"] == stack.inside("trainer", "hostname").strip()
    assert set(queues.values()) == {"trainer", "default"}
    assert int(stack.inside("worker", "python", "-c", AT_WORK)) > 0, "Dask computed nothing"

    answer = stack.inside("worker", "pinsage", "recommend", "item-é00007", "--root", root, "-k", "10", "--json")
    found = [int(each["item_id"].rpartition("é")[2]) % COMMUNITIES for each in json.loads(answer)]
    assert found.count(7) >= 9, "recommendations leave the item's community"


def test_the_service_answers(stack: Stack) -> None:
    stack.compose("--profile", "serve", "up", "--detach", "--no-build", "--wait", "--no-deps", "recommender")
    with urllib.request.urlopen(f"http://127.0.0.1:{stack.recommender_port}/health", timeout=30) as answer:
        assert "index/" in answer.read().decode(), "the health page names the version that answers"


def test_its_versions_are_those_of_this_machine(
    stack: Stack, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # With the kernels that the image asks of OpenBLAS.
    monkeypatch.setenv("OPENBLAS_CORETYPE", stack.inside("worker", "printenv", "OPENBLAS_CORETYPE").strip())
    root = str(tmp_path / "store")
    files = ("--items", str(source / "items.parquet"), "--saves", str(source / "saves.parquet"))
    pinsage("ingest", "--root", root, *files, *INGEST)
    for day in (GRAPH_DAY, AS_OF, DAY):
        pinsage("run", "prepare", "--day", day, "--root", root)
    here = subprocess.run([sys.executable, "-c", DIGESTS, root, *PREPARED], capture_output=True, text=True, check=True)
    there = stack.inside("worker", "python", "-c", DIGESTS, stack.secret("PINSAGE_ROOT"), *PREPARED)
    assert json.loads(there) == json.loads(here.stdout)


def test_the_doctor_finds_nothing_wrong(stack: Stack) -> None:
    checks = json.loads(stack.inside("worker", "pinsage", "doctor", "--root", stack.secret("PINSAGE_ROOT"), "--json"))
    assert [check for check in checks if check["state"] == "failed"] == []
    assert {"store", "airflow", "dask"} <= {check["name"] for check in checks if check["state"] == "ok"}
