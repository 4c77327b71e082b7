"""What compose.yaml promises, read from the file: no default secrets, loopback only, nobody privileged."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

DOCKER = Path(__file__).parents[2] / "docker"
TEXT = (DOCKER / "compose.yaml").read_text()
SERVICES = yaml.safe_load(TEXT)["services"]
OURS = [name for name, service in SERVICES.items() if "pinsage-" in service["image"]]


def test_no_secret_has_a_default() -> None:
    variables = re.findall(r"\$\{([A-Z_]*(?:PASSWORD|SECRET|FERNET|ACCESS)[A-Z_]*)([^}]*)\}", TEXT)
    assert {name for name, _ in variables} >= {"POSTGRES_PASSWORD", "REDIS_PASSWORD", "AIRFLOW_JWT_SECRET"}
    for name, rest in variables:
        assert rest in ("", "-") or rest.startswith(":?"), f"{name} has a default"
    required = {name for name, rest in variables if rest.startswith(":?")}
    assert {name for name, _ in variables} - required == {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"}


def test_new_secrets_are_new_and_cover_what_is_required() -> None:
    made = [subprocess.run([DOCKER / "new_env.sh"], capture_output=True, text=True, check=True).stdout for _ in "ab"]
    one, two = (dict(re.findall(r"^([A-Z_]+)=(.*)$", text, re.M)) for text in made)
    assert set(re.findall(r"\$\{([A-Z_]+):\?", TEXT)) <= set(one)
    for name in one:
        if re.search("PASSWORD|SECRET|FERNET", name):
            assert len(one[name]) >= 43
            assert one[name] != two[name]


@pytest.mark.parametrize("name", SERVICES)
def test_ports_are_on_loopback(name: str) -> None:
    for port in SERVICES[name].get("ports", []):
        assert port.startswith("${AIRFLOW_BIND:-127.0.0.1}:")


@pytest.mark.parametrize("name", OURS)
def test_our_containers_have_no_privileges(name: str) -> None:
    service = SERVICES[name]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert "privileged" not in service
    assert "user" not in service, "the image's own user, which is not root"


def test_dask_sees_neither_database_nor_airflow() -> None:
    for name in ("dask-scheduler", "dask-worker"):
        assert SERVICES[name]["networks"] == ["compute"]
        assert not [key for key in SERVICES[name]["environment"] if key.startswith("AIRFLOW")]
    assert "compute" not in SERVICES["postgres"]["networks"]


def test_the_locked_packages_hold_executor_and_login(tmp_path: Path) -> None:
    providers = "airflow.providers"
    modules = (f"{providers}.celery.executors.celery_executor", f"{providers}.fab.auth_manager.fab_auth_manager")
    environment = {**os.environ, "AIRFLOW_HOME": str(tmp_path)}
    command = [sys.executable, "-c", "import importlib, sys; [importlib.import_module(name) for name in sys.argv[1:]]"]
    done = subprocess.run([*command, *modules], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
