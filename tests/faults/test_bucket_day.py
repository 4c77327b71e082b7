"""A whole day on S3: what a local folder gets, byte for byte; roll back, collect, recommend."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from pinsage.serving.recommender import Recommender
from pinsage.store import Store
from tasks.data.validation.data_docs import write_data_docs
from tasks.runtime.session import Session
from tests.faults.fork_server import ForkServer
from tests.faults.stages import DAY, SETTINGS, THIS, CalmDay, state
from tests.tasks.test_pipeline import pinsage

OPTIONS = [option for name, value in SETTINGS.items() for option in ("--set", f"{name}={value}")]


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_day_on_s3_is_the_day_on_disk(
    calm: CalmDay, forks: ForkServer, s3: str, memory_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PINSAGE_CACHE", str(memory_folder / "cache"))
    root = f"{s3}/a/day"
    variables = {name: value for name, value in os.environ.items() if name.startswith(("AWS_", "PINSAGE_"))}
    forks.run(f"{THIS}:run_day", root, calm.data, environment=variables)
    assert not state(root).differences(calm.finished)

    store = Store.open(root)
    before = {info.key for info in store.objects.walk("")}
    forks.run(f"{THIS}:run_day", root, calm.data, environment=variables)
    assert {info.key for info in store.objects.walk("")} == before, "a rerun writes nothing"

    first = json.loads(pinsage("recommend", "item-é00007", "--root", root, "-k", "5", "--json").stdout)
    assert first == json.loads(
        pinsage("recommend", "item-é00007", "--root", str(calm.root), "-k", "5", "--json").stdout
    )

    # Another index, back again, and what nothing refers to any more collected.
    more_trees = ["--set", "index.seed=77"]
    pinsage("run", "publish", "--day", DAY, "--root", root, *OPTIONS, *more_trees)
    assert len(store.ref("published").history()) == 2
    pinsage("rollback", "--root", root)
    (published,) = {entry.uri for entry in store.ref("published").history()[::2]}
    assert published == store.referenced("published").uri
    collected = json.loads(pinsage("gc", "--root", root, "--keep", "0", "--grace-hours", "0", "--yes", "--json").stdout)
    assert collected["versions"]
    store.referenced("published").verify()
    assert [each.item_id for each in Recommender(root).similar("item-é00007", 5)] == [each["item_id"] for each in first]

    # Pages for people lie in the bucket, too.
    session = Session(store, Session.open(str(calm.root), SETTINGS).config)
    (catalog,) = session.store.versions("catalog", DAY)
    index = write_data_docs(session, DAY, catalog)
    assert index == f"{root}/_site/data_docs/{DAY}/index.html"
    assert b"<html" in session.store.page(f"reports/{DAY}/index.html")
    assert b"saves up to" in session.store.page(f"data_docs/{DAY}/index.html")
