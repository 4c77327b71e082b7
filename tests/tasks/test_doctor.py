"""The doctor finds what is broken and says what to do; deployments here are broken for real."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from distributed import LocalCluster

from tasks.commands import doctor
from tasks.commands.doctor import Check
from tasks.runtime.config import PinSageConfig, load_config
from tasks.runtime.variables import VARIABLES
from tests.faults.s3_weather import Weather, s3_server

PROJECT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def no_airflow_here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in list(os.environ):
        if name.startswith(("AIRFLOW_", "PINSAGE_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))


def states(checks: list[Check]) -> dict[str, str]:
    return {check.name: check.state for check in checks}


def only(checks: list[Check], state: str) -> Check:
    (found,) = [check for check in checks if check.state == state]
    assert found.advice, "a finding that is not well says what to do"
    return found


def test_a_sound_deployment_by_the_command_line(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tasks.cli", "doctor", "--root", str(tmp_path / "store"), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    checks = {check["name"]: check["state"] for check in json.loads(done.stdout)}
    assert done.returncode == 0, done.stdout
    assert {name: checks[name] for name in ("settings", "versions", "store", "clock", "dask", "gpu")} == dict.fromkeys(
        ("settings", "versions", "store", "clock", "dask", "gpu"), "ok"
    )
    assert checks["airflow"] == "skipped"
    assert not list((tmp_path / "store").glob("_probes/*.json")), "the doctor leaves nothing behind"


def test_a_broken_one_ends_with_code_1(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tasks.cli", "doctor", "--root", str(tmp_path), "--set", "walks.top_t=0"]
    environment = {**os.environ, "COLUMNS": "250"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 1
    assert "walks.top_t: got 0" in done.stdout


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_there() -> None:
    assert "sees no GPU" in only(list(doctor.check_gpu(load_config({"resources.device": "cuda"}))), "failed").found


def test_misspelt_variables_and_refused_values(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PINSAGE_WALK__TOP_T", "20")
    assert "did you mean PINSAGE_WALKS__TOP_T" in only(list(doctor.check_settings()), "warning").advice
    monkeypatch.setenv("PINSAGE_WALKS__TOP_T", "0")
    found = [check for check in doctor.examine(str(tmp_path)) if check.state == "failed"]
    assert "walks.top_t: got '0'" in found[0].found


def test_every_variable_that_the_project_names_is_known() -> None:
    settings = {
        f"PINSAGE_{section}__{field}".upper()
        for section, owner in PinSageConfig.model_fields.items()
        for field in owner.annotation.model_fields  # type: ignore[union-attr]
    }
    # What only compose.yaml reads, to name images and sizes.
    compose = {
        "PINSAGE_CONTROL_IMAGE", "PINSAGE_WORKER_IMAGE", "PINSAGE_TRAINER_IMAGE", "PINSAGE_WORKER_CONCURRENCY",
        "PINSAGE_DASK_WORKERS", "PINSAGE_GPU_SLOTS", "PINSAGE_DASK_SLOTS",
    }  # fmt: skip
    named = {
        match
        for room in ("pinsage", "pinsage_airflow", "tasks", "dags", "docker")
        for path in (PROJECT / room).rglob("*")
        if path.suffix in (".py", ".yaml", ".sh")
        for match in re.findall(r"PINSAGE_[A-Z_]*[A-Z](?![A-Z_])", path.read_text())
    }
    assert named - settings - compose <= set(VARIABLES)
    assert set(VARIABLES) <= named


def test_a_store_that_ignores_conditions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PINSAGE_CACHE", str(tmp_path))
    with s3_server(Weather(honours_conditions=False)) as environment:
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        found = [check for check in doctor.examine("s3://store/root") if check.name == "store"]
    assert "replaced the first" in only(found, "failed").found


def test_a_store_on_s3(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PINSAGE_CACHE", str(tmp_path))
    with s3_server() as environment:
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        assert states(list(doctor.check_store("s3://store/root"))) == {"store": "ok", "clock": "ok"}


def test_a_root_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "root").write_text("not a folder")
    found = [check for check in doctor.examine(str(tmp_path / "root")) if check.name == "store"]
    assert "root" in only(found, "failed").found


@pytest.mark.parametrize(
    ("modified", "state"), [(1000.0, "ok"), (980.0, "warning"), (1100.0, "warning"), (0.0, "failed")]
)
def test_clocks(modified: float, state: str) -> None:
    assert doctor._clock(modified, before=1000.7, after=1001.1).state == state


@pytest.mark.parametrize(("limit", "state"), [("SPACE_WARNING_BYTES", "warning"), ("SPACE_LIMIT_BYTES", "failed")])
def test_little_space(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str, state: str) -> None:
    monkeypatch.setattr(doctor, "SPACE_WARNING_BYTES", 1 << 60)
    monkeypatch.setattr(doctor, limit, 1 << 60)
    assert {check.state for check in doctor.check_space(str(tmp_path))} == {state}


def test_packages_that_are_not_as_pinned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "pinsage_pipeline-9.dist-info"
    folder.mkdir()
    wanted = "Requires-Dist: numpy==1.0\nRequires-Dist: no-such-package\nRequires-Dist: pandas==1.0; extra == 'x'\n"
    (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: pinsage-pipeline\nVersion: 9\n{wanted}")
    monkeypatch.syspath_prepend(str(tmp_path))
    found = only(list(doctor.check_versions()), "failed").found
    assert "no-such-package is missing" in found
    assert "numpy is" in found
    assert "pandas is" in found


def test_dask_unreachable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "DASK_TIMEOUT_SECONDS", 1)
    config = load_config({"resources.dask_address": "tcp://127.0.0.1:1"})
    assert "tcp://127.0.0.1:1" in only(list(doctor.check_dask(config)), "failed").found


@pytest.mark.parametrize(("workers", "state"), [(0, "failed"), (1, "ok")])
def test_dask_with_and_without_workers(workers: int, state: str) -> None:
    with LocalCluster(
        n_workers=workers,
        processes=False,
        protocol="tcp",
        host="127.0.0.1",
        dashboard_address="127.0.0.1:0",
        threads_per_worker=1,
    ) as cluster:
        config = load_config({"resources.dask_address": cluster.scheduler_address})
        assert states(list(doctor.check_dask(config))) == {"dask": state}


def test_broken_dag_files_and_no_database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "dags").mkdir()
    (tmp_path / "dags" / "pinsage_broken.py").write_text("from airflow.sdk import dag\nimport not_there\n")
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path))
    monkeypatch.setenv("AIRFLOW__CORE__DAGS_FOLDER", str(tmp_path / "dags"))
    monkeypatch.setenv("PYTHONPATH", str(PROJECT))
    checks = list(doctor.check_airflow())
    assert "No module named 'not_there'" in only(checks, "failed").found
    assert "airflow db migrate" in only(checks, "skipped").advice


def test_missing_pools_and_open_doors() -> None:
    facts = {
        "folder": "/dags", "dags": ["pinsage_train"], "import_errors": {}, "executor": "CeleryExecutor",
        "pools_named": ["default_pool", "gpu"], "queues_named": ["default", "trainer"], "pools": ["default_pool"],
        "auth_manager": "...SimpleAuthManager", "everybody_is_admin": True,
    }  # fmt: skip
    failed = [check for check in doctor.judge_airflow(facts) if check.state == "failed"]
    assert "airflow pools set gpu" in failed[0].advice
    assert "without a password" in failed[1].found
    found = list(doctor.judge_airflow({**facts, "pools": ["default_pool", "gpu"], "everybody_is_admin": False}))
    assert states(found)["pools"] == "ok"
    assert only(found, "warning").name == "airflow"
    assert only(list(doctor.judge_airflow({**facts, "dags": [], "pools": ["default_pool", "gpu"]}))[:1], "failed")
