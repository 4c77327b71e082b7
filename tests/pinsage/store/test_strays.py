"""Files of file managers, editors and synchronisation between those of the store: named once, and passed over."""

from __future__ import annotations

from pathlib import Path

import pytest
import structlog

from pinsage.store import DamagedVersionError, Store
from pinsage.store.garbage import collect_garbage, plan_garbage
from pinsage.store.strays import pass_over
from tests.pinsage.store.test_unseen import DAY, commit

STRAYS = (
    "Thumbs.db",
    "x~",
    ".DS_Store",
    "desktop.ini",
    "000000000001 (1).json",
    "000000000001.json.swp",
    ".000000000001.json.swp",
    "1.json",
    "0000000000001.json",
    "Kopie von 000000000001.json",
    "é.json",
    "a\nb",
)
FOLDERS = ("_refs", "_refs/published", "_refs/prepared", f"_refs/prepared/{DAY}", "graph", f"graph/{DAY}",
           f"graph/{DAY}/_commits", f"graph/{DAY}/data", f"graph/{DAY}/_chunks", "")  # fmt: skip


@pytest.mark.parametrize("folder", FOLDERS)
def test_strays_are_passed_over(tmp_path: Path, folder: str) -> None:
    pass_over.cache_clear()
    store = Store.open(tmp_path / "store")
    graph = commit(store, "graph", [])
    older = [commit(store, "graph", [], note).uri for note in (2, 3)]
    store.ref("published").point_to(graph.uri)
    store.ref(f"prepared/{DAY}").point_to(graph.uri)
    for name in STRAYS:
        (tmp_path / "store" / folder / name).write_text("{}")
    (tmp_path / "store" / folder / "empty" / "folder").mkdir(parents=True)
    with structlog.testing.capture_logs() as lines:
        for _ in range(2):
            plan = plan_garbage(store, keep=0, grace_seconds=-60)
            assert sorted(plan.versions) == sorted(older)
            assert [entry.uri for entry in store.ref("published").history()] == [graph.uri]
            assert store.ref_names("prepared") == [DAY]
            assert store.partitions("graph") == [DAY]
            assert {version.uri for version in store.versions("graph", DAY)} == {graph.uri, *older}
    named = [line["file"] for line in lines]
    assert len(named) == len(set(named)), "once each"
    if folder.endswith(("published", "_commits")):
        assert {name.rsplit("/", 1)[1] for name in named} == set(STRAYS)
    collect_garbage(store, plan, grace_seconds=-60)
    graph.verify()
    assert store.ref("published").append(graph.uri).number == 2


def test_a_damaged_reference_is_no_stray(tmp_path: Path) -> None:
    store = Store.open(tmp_path / "store")
    graph = commit(store, "graph", [])
    for _ in range(7):
        store.ref("published").append(graph.uri)
    (tmp_path / "store/_refs/published/000000000004.json").write_text("{}")
    with pytest.raises(DamagedVersionError, match=r"000000000004\.json is damaged"):
        plan_garbage(store)


def test_an_empty_folder_is_no_day(tmp_path: Path) -> None:
    store = Store.open(tmp_path / "store")
    (tmp_path / "store/_refs/raw/saves/2026-03-01").mkdir(parents=True)
    (tmp_path / "store/graph/2026-03-01/_commits").mkdir(parents=True)
    (tmp_path / "store/_site/reports/2026-03-01").mkdir(parents=True)
    assert store.ref_names("raw/saves") == store.partitions("graph") == store.page_folders("reports") == []
