"""A Dask cluster with TLS, set up as docs/deployment.md says: works with a certificate, refuses without."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tasks.commands import doctor
from tasks.runtime.config import load_config

PAGE = Path(__file__).parents[2] / "docs" / "deployment.md"
ADDRESS = re.compile(r"Scheduler at:\s+(tls://\S+)")


def documented(language: str, first: str) -> str:
    """The code block of the page that starts with ``first``."""
    (block,) = [block for block in re.findall(rf"```{language}\n(.*?)```", PAGE.read_text(), re.S) if first in block]
    return block


@pytest.fixture(scope="module")
def configuration(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tls")
    subprocess.run(["bash", "-ec", documented("sh", "openssl req")], cwd=folder, check=True, capture_output=True)
    text = documented("yaml", "require-encryption").replace("/etc/dask", str(folder))
    (folder / "dask.yaml").write_text(text)
    return folder / "dask.yaml"


@pytest.fixture(scope="module")
def address(configuration: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    environment = {**os.environ, "DASK_CONFIG": str(configuration)}
    log = tmp_path_factory.mktemp("logs") / "scheduler"
    scheduler = ["scheduler", "--protocol", "tls", "--host", "127.0.0.1", "--port", "0", "--no-dashboard"]
    processes = []
    try:
        with log.open("wb") as file:
            processes.append(subprocess.Popen([dask_command(), *scheduler], env=environment, stderr=file))
        while (found := ADDRESS.search(log.read_text())) is None:
            assert processes[0].poll() is None, log.read_text()
            time.sleep(0.1)
        worker = ["worker", found[1], "--nthreads", "1", "--no-dashboard", "--no-nanny"]
        processes.append(subprocess.Popen([dask_command(), *worker], env=environment, stderr=subprocess.DEVNULL))
        yield found[1]
    finally:
        for process in processes:
            process.kill()
            process.wait()


def dask_command() -> str:
    return str(Path(sys.executable).parent / "dask")


CLIENT = """
import sys
from tasks.runtime.config import load_config
from tasks.commands import doctor
from tasks.runtime.dask_cluster import map_chunks
config = load_config({"resources.dask_address": sys.argv[1]})
print(map_chunks(abs, [-1, -2, -3], resources=config.resources, name="abs"))
print([check.state for check in doctor.check_dask(config)])
"""


def test_with_a_certificate(address: str, configuration: Path) -> None:
    environment = {**os.environ, "DASK_CONFIG": str(configuration)}
    command = [sys.executable, "-c", CLIENT, address]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-2:] == ["[1, 2, 3]", "['ok']"], "encrypted, so there is nothing to warn of"


@pytest.mark.parametrize("protocol", ["tls", "tcp"])
def test_without_one(address: str, protocol: str) -> None:
    asked = address.replace("tls", protocol)
    (check,) = doctor.check_dask(load_config({"resources.dask_address": asked}))
    assert check.state == "failed"
