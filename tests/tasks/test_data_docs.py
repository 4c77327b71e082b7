"""The Data Docs of a day: one page that shows rules, verdicts and faulty rows, in a browser without a network."""

from __future__ import annotations

import os
import re
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from playwright.sync_api import Route, sync_playwright

from tasks.data.ingest import ingest
from tasks.data.ingestion.mapping import IngestMapping
from tasks.data.validate import validate_days
from tasks.data.validation.data_docs import data_docs_catalog, write_data_docs
from tasks.prepare.build_catalog import build_catalog
from tasks.runtime.session import Session
from tests.pinsage.serving.test_explorer import CHROMIUM, FLAGS

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
DAYS = [f"2026-03-0{number}" for number in (1, 2, 3)]
HOSTILE = "<script>alert(1)</script>\x1b[31m\u202e" + "L" * 20_000


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Session, str]:
    """Three days with duplicates, saves of nobody and of unknown items, whose ids are texts of the worst kind."""
    folder = tmp_path_factory.mktemp("docs")
    saves: list[dict[str, Any]] = [
        {
            "board_id": f"b{row % 40}",
            "item_id": f"i{row % 50}",
            "saved_at": START + timedelta(days=row % 3, seconds=row),
        }
        for row in range(300)
    ]
    saves += [saves[0], {**saves[1], "board_id": None}, {**saves[2], "item_id": HOSTILE}, {**saves[3], "item_id": None}]
    pq.write_table(pa.Table.from_pylist(saves), folder / "saves.parquet")
    pq.write_table(pa.table({"item_id": [f"i{row}" for row in range(50)]}), folder / "items.parquet")
    session = Session.open(str(folder / "store"))
    ingest(session, items=folder / "items.parquet", saves=folder / "saves.parquet", mapping=IngestMapping())
    validate_days(session, DAYS)
    catalog = build_catalog(session, DAYS[-1])
    place = write_data_docs(session, DAYS[-1], catalog)
    assert data_docs_catalog(session, DAYS[-1]) == catalog.uri
    return session, place


def test_the_page_has_every_rule_its_verdict_and_the_rows_in_quarantine(written: tuple[Session, str]) -> None:
    session, place = written
    assert place == f"{session.store.root}/_site/data_docs/{DAYS[-1]}/index.html"
    page = Path(place).read_text(encoding="utf-8")
    for rule in ("num_schema_faults", "volume_ratio", "share_duplicate", "share_quarantined", "max_board_share"):
        assert page.count(f"<td>{rule}</td>") >= 1, rule
    assert "passed on 3 of 3 days" in page
    assert "at most 0.8" in page
    for reason in ("duplicate", "no_board", "unknown_item", "null_key"):
        assert f"<tr><td>{reason}</td><td>1</td>" in page, reason
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert "\x1b" not in page
    assert "\u202e" not in page
    assert "L" * 200 not in page
    assert not re.findall(r"(?:src|href)=[\"'](?!#)|url\(|@import", page), "nothing is loaded"


def test_a_second_time_the_page_is_the_same(written: tuple[Session, str]) -> None:
    session, place = written
    before = Path(place).read_bytes()
    write_data_docs(session, DAYS[-1], build_catalog(session, DAYS[-1]))
    assert Path(place).read_bytes() == before


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed (apt-get install chromium)")
@pytest.mark.parametrize("width", [390, 1280])
def test_a_browser_without_a_network_shows_it_with_its_styles(written: tuple[Session, str], width: int) -> None:
    asked: list[str] = []
    faults: list[str] = []

    def only_the_page(route: Route) -> None:
        asked.append(route.request.url)
        route.continue_() if route.request.url.startswith("file://") else route.abort()

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_page(viewport={"width": width, "height": 900})
        page.route("**/*", only_the_page)
        page.on("console", lambda message: faults.append(message.text) if message.type == "error" else None)
        page.on("requestfailed", lambda request: faults.append(request.url))
        page.goto(f"file://{written[1]}")
        assert page.get_by_role("heading", name=f"saves up to {DAYS[-1]}").is_visible()
        assert page.get_by_text("passed on 3 of 3 days").first.is_visible()
        assert page.evaluate("getComputedStyle(document.querySelector('nav')).position") == "sticky"
        assert page.evaluate("getComputedStyle(document.querySelector('td')).borderBottomStyle") == "solid"
        assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") == 0
        if os.environ.get("SCREENSHOTS"):
            page.screenshot(path=f"{os.environ['SCREENSHOTS']}/data_docs_{width}.png", full_page=True)
        browser.close()
    assert asked == [f"file://{written[1]}"]
    assert faults == []


def test_a_day_whose_pages_are_of_another_kind_is_written_anew(tmp_path: Path) -> None:
    session = Session.open(str(tmp_path))
    session.store.put_page("data_docs/2026-03-01/catalog.txt", b"catalog/2026-03-01/0")
    assert data_docs_catalog(session, "2026-03-01") is None
    shutil.rmtree(tmp_path)
