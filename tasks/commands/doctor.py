"""``pinsage doctor``: checks of a deployment, each with what was found and what to do.

Run it where the tasks run (in a worker's container, say): the answers are about the machine and the environment that it
is run in. A check never ends the examination; a broken one is a finding like any other.
"""

from __future__ import annotations

import difflib
import gc
import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, Literal

from pinsage.extras import DISTRIBUTION, missing_library
from pinsage.store import Store
from tasks.runtime.config import ConfigError, PinSageConfig, load_config
from tasks.runtime.variables import VARIABLES

# An object store refuses signatures that are 15 minutes off; garbage collection trusts the clock with a grace of a day.
CLOCK_WARNING_SECONDS, CLOCK_LIMIT_SECONDS = 5.0, 300.0
# A day of the demo leaves about 1 GiB; a full disk stops every stage.
SPACE_WARNING_BYTES, SPACE_LIMIT_BYTES = 10 << 30, 1 << 30
DASK_TIMEOUT_SECONDS = 10
AIRFLOW_TIMEOUT_SECONDS = 120

State = Literal["ok", "warning", "failed", "skipped"]


@dataclass(frozen=True)
class Check:
    """One finding: what was looked at, what was found, and what to do when that is not well."""

    name: str
    state: State
    found: str
    advice: str = ""


def examine(root: str, overrides: Mapping[str, Any] | None = None) -> Iterator[Check]:
    """Yield the findings about the deployment that this process is part of, one by one.

    Args:
        root: Of the store.
        overrides: Settings, as for a run.
    """
    yield from _guarded("settings", check_settings)
    config = None
    try:
        config = load_config(overrides)
    except ConfigError as error:
        yield Check("settings", "failed", str(error), "correct the setting; `pinsage config` prints those in force")
    yield from _guarded("versions", check_versions)
    yield from _guarded("store", lambda: check_store(root))
    yield from _guarded("space", lambda: check_space(root))
    if config is not None:
        yield from _guarded("dask", lambda: check_dask(config))
        yield from _guarded("gpu", lambda: check_gpu(config))
    yield from _guarded("airflow", check_airflow)


def _guarded(name: str, check: Callable[[], Iterator[Check]]) -> Iterator[Check]:
    try:
        yield from check()
    except ModuleNotFoundError as error:
        reason = str(missing_library(error, "the check", "pipeline") or error)
        yield Check(name, "failed", reason, "install it on machines that run stages; others do without")
    except Exception as error:  # whatever is broken is what the doctor is asked about
        reason = str(error).strip() or "no message"
        yield Check(name, "failed", f"{type(error).__name__}: {reason}", "see the message; then ask the doctor again")


def check_settings() -> Iterator[Check]:
    """Variables ``PINSAGE_*`` that nothing reads: most often a typing error that silently leaves a default in force."""
    known = [
        *VARIABLES,
        *(
            f"PINSAGE_{section}__{field}".upper()
            for section, owner in PinSageConfig.model_fields.items()
            if owner.annotation is not None
            for field in owner.annotation.model_fields
        ),
    ]
    unknown = sorted(name for name in os.environ if name.startswith("PINSAGE_") and name.upper() not in known)
    for name in unknown:
        close = difflib.get_close_matches(name.upper(), known, n=1)
        advice = f"did you mean {close[0]}?" if close else "unset it; docs/configuration.md lists the names"
        yield Check("settings", "warning", f"nothing reads the variable {name}", advice)
    if not unknown:
        given = sum(name.startswith("PINSAGE_") for name in os.environ)
        yield Check("settings", "ok", f"{given} variables PINSAGE_*, all known")


def check_versions() -> Iterator[Check]:
    """Installed packages against the versions that this project pins."""
    from packaging.requirements import Requirement

    wrong = []
    pinned = 0
    for line in metadata.requires(DISTRIBUTION) or []:
        requirement = Requirement(line)
        # What the stages need must be there; other extras are looked at where they are.
        needed = requirement.marker is None or requirement.marker.evaluate({"extra": "pipeline"})
        try:
            installed = metadata.version(requirement.name)
        except metadata.PackageNotFoundError:
            if needed:
                wrong.append(f"{requirement.name} is missing")
            continue
        pinned += 1
        if not requirement.specifier.contains(installed, prereleases=True):
            wrong.append(f"{requirement.name} is {installed}, expected {requirement.specifier}")
    if wrong:
        advice = "install requirements.lock, or use the images; every worker needs the same versions"
        yield Check("versions", "failed", "; ".join(wrong), advice)
    else:
        python = ".".join(map(str, sys.version_info[:3]))
        found = f"{DISTRIBUTION} {metadata.version(DISTRIBUTION)}, Python {python}, {pinned} packages as pinned"
        yield Check("versions", "ok", found)


def check_store(root: str) -> Iterator[Check]:
    """Conditional puts (on opening), writing, reading, listing and removing; the store's clock against ours."""
    objects = Store.open(root).objects
    key = f"_probes/doctor-{secrets.token_hex(8)}.json"
    data = secrets.token_hex(2048).encode()
    before = time.time()
    moments = [time.monotonic()]
    try:
        objects.put_if_absent(key, data)
        after = time.time()
        moments.append(time.monotonic())
        same = objects.get(key) == data
        moments.append(time.monotonic())
        listed = [info for info in objects.walk("_probes") if info.key == key]
    finally:
        objects.delete(key)
    gone = objects.get(key) is None
    faults = [
        what
        for what, holds in (
            ("an object does not read back as written", same),
            ("a written object is not listed", bool(listed)),
            ("a removed object is still there", gone),
        )
        if not holds
    ]
    if faults:
        advice = "use a file system or object store with read-after-write consistency"
        yield Check("store", "failed", f"{objects.url}: {'; '.join(faults)}", advice)
        return
    put, get = (1000 * (end - start) for start, end in zip(moments, moments[1:], strict=False))
    yield Check("store", "ok", f"{objects.url}: conditional puts hold; 4 KiB put in {put:.0f} ms, got in {get:.0f} ms")
    yield _clock(listed[0].modified, before, after)


def _clock(modified: float, before: float, after: float) -> Check:
    # Object stores keep whole seconds.
    off = max(int(before) - modified, modified - after, 0.0)
    advice = "let NTP set both clocks: garbage collection and signed requests depend on them"
    state: State = "ok" if off < CLOCK_WARNING_SECONDS else "warning" if off < CLOCK_LIMIT_SECONDS else "failed"
    return Check("clock", state, f"this machine and the store differ by {off:.1f} s", "" if state == "ok" else advice)


def check_space(root: str) -> Iterator[Check]:
    """Free space where the store, its cache and temporary files lie."""
    store = Store.open(root)
    folders = {"cache": store.cache, "temporary files": Path(tempfile.gettempdir())}
    if store.local_root is not None:
        folders = {"store": store.local_root, **folders}
    for name, folder in folders.items():
        existing = next(path for path in (folder, *folder.absolute().parents) if path.exists())
        free = shutil.disk_usage(existing).free
        state: State = "ok" if free >= SPACE_WARNING_BYTES else "warning" if free >= SPACE_LIMIT_BYTES else "failed"
        advice = "" if state == "ok" else "run `pinsage gc`, delete the cache (it is made again), or add space"
        yield Check("space", state, f"{name} {folder}: {free / (1 << 30):.1f} GiB free", advice)


def check_dask(config: PinSageConfig) -> Iterator[Check]:
    """The cluster behind ``resources.dask_address``: reachable, with workers, of our versions, encrypted."""
    address = config.resources.dask_address
    if address is None:
        workers = config.resources.workers or os.cpu_count()
        yield Check("dask", "ok", f"no cluster is configured: each stage starts {workers} processes of its own")
        return
    from distributed import Client

    client, reason = None, ""
    try:
        client = Client(address, timeout=DASK_TIMEOUT_SECONDS)
    except (OSError, ValueError, TypeError) as error:  # Dask says TypeError where it has no certificate
        reason = str(error)
    if client is None:
        # A client that did not connect stops its loop when it is collected; while another one starts, that would hang.
        gc.collect()
        advice = "start the scheduler, or correct PINSAGE_RESOURCES__DASK_ADDRESS; with TLS, see docs/deployment.md"
        yield Check("dask", "failed", f"{address}: {reason}", advice)
        return
    with client:
        workers = client.scheduler_info(n_workers=-1)["workers"]
        if not workers:
            yield Check("dask", "failed", f"{address}: no worker is connected", "start workers: `dask worker ADDRESS`")
            return
        versions = client.get_versions(check=False)
        ours = versions["client"]["packages"]
        names = ("python", "distributed", "numpy", "numba")
        other = {
            f"{name} {node['packages'].get(name)}, here {ours.get(name)}"
            for node in (versions["scheduler"], *versions["workers"].values())
            for name in names
            if node["packages"].get(name) != ours.get(name)
        }
        if other:
            yield Check("dask", "failed", f"{address}: {'; '.join(sorted(other))}", "run one image everywhere")
        else:
            yield Check("dask", "ok", f"{address}: {len(workers)} workers, versions as here")
    if not address.startswith("tls://") and not address.startswith(("tcp://127.", "tcp://localhost")):
        advice = "keep it in a network of its own, or use tls:// (docs/deployment.md)"
        yield Check("dask", "warning", f"{address}: whoever reaches it can run code on the workers", advice)


def check_gpu(config: PinSageConfig) -> Iterator[Check]:
    """Where torch will compute, against what ``resources.device`` asks for."""
    import torch

    wanted = config.resources.device
    if torch.cuda.is_available():
        names = [torch.cuda.get_device_name(number) for number in range(torch.cuda.device_count())]
        yield Check("gpu", "ok", f"torch {torch.__version__} sees {', '.join(names)}; resources.device = {wanted}")
    elif wanted == "cuda":
        advice = "install a CUDA build of torch and the driver, give the container the GPU, or set device to auto"
        yield Check("gpu", "failed", f"torch {torch.__version__} sees no GPU, but resources.device = cuda", advice)
    else:
        yield Check("gpu", "ok", f"torch {torch.__version__} sees no GPU; it computes on {os.cpu_count()} CPU cores")


def check_airflow() -> Iterator[Check]:
    """The DAG files, their pools, and how people log in; by a process that imports Airflow as its own would."""
    if not (any(name.startswith("AIRFLOW_") for name in os.environ) or (Path.home() / "airflow").exists()):
        yield Check("airflow", "skipped", "no Airflow is set up here: no variable AIRFLOW_*, no ~/airflow")
        return
    command = [sys.executable, "-m", "pinsage_airflow.check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=AIRFLOW_TIMEOUT_SECONDS)
    if "No module named 'airflow" in done.stderr:
        yield Check("airflow", "skipped", "Airflow is not installed here")
        return
    if done.returncode != 0:
        advice = "run `python -m pinsage_airflow.check` to see all of it"
        yield Check("airflow", "failed", (done.stderr.strip().splitlines() or ["no message"])[-1], advice)
        return
    yield from judge_airflow(json.loads(done.stdout.splitlines()[-1]))


def judge_airflow(facts: Mapping[str, Any]) -> Iterator[Check]:
    """Findings about what ``pinsage_airflow.check`` found."""
    for path, reason in facts["import_errors"].items():
        yield Check("airflow", "failed", f"{path} does not import: {reason}", "mend it: Airflow does not see its DAG")
    ours = [name for name in facts["dags"] if name.startswith("pinsage_")]
    if ours:
        found = (
            f"{', '.join(ours)} from {facts['folder']}; {facts['executor']}, queues {', '.join(facts['queues_named'])}"
        )
        yield Check("airflow", "ok", found)
    elif not facts["import_errors"]:
        advice = "set AIRFLOW__CORE__DAGS_FOLDER to the folder dags/ of this project"
        yield Check("airflow", "failed", f"no DAG of ours is in {facts['folder']}", advice)
    if facts["pools"] is None:
        advice = "set AIRFLOW__DATABASE__SQL_ALCHEMY_CONN and run `airflow db migrate`"
        yield Check("pools", "skipped", f"Airflow's database does not answer: {facts['database_error']}", advice)
    else:
        missing = sorted(set(facts["pools_named"]) - set(facts["pools"]))
        for pool in missing:
            advice = f"its tasks wait for ever: `airflow pools set {pool} 1 'made for pinsage'`"
            yield Check("pools", "failed", f"tasks name the pool {pool}, which does not exist", advice)
        if not missing:
            yield Check("pools", "ok", f"{', '.join(facts['pools_named'])} exist")
    if facts["everybody_is_admin"]:
        advice = "unset core.simple_auth_manager_all_admins"
        yield Check("airflow", "failed", "whoever reaches the UI is admin without a password", advice)
    elif "SimpleAuthManager" in facts["auth_manager"]:
        advice = "for more than a laptop use FAB or Keycloak (docs/deployment.md)"
        yield Check("airflow", "warning", "people log in through SimpleAuthManager", advice)
