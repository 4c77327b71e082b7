"""The dashboard: what it says of a store, that damage spoils a cell and not the page, and how little it reads."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path

import pytest

from pinsage.store import Store
from tasks.commands.dashboard.page import PAGE_DAYS, age, dashboard_page
from tasks.commands.dashboard.publications import BLOCK
from tasks.runtime.days import add_days
from tasks.runtime.session import Session

DAY, EARLIER = "2026-03-10", "2026-03-09"
NOW = datetime(2026, 3, 12, 9, tzinfo=UTC)


class Rows(HTMLParser):
    """The text of every cell of the table by day and column, the links, and all text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.rows: dict[str, dict[str, str]] = {}
        self.links: list[str] = []
        self.tags: Counter[str] = Counter()
        self.text = ""
        self._cells: dict[str, str] = {}
        self._column = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        named = dict(attrs)
        if tag == "tr" and named.get("id"):
            self._cells = self.rows[str(named["id"])] = {}
        if tag == "td":
            self._column = str(named["data-title"])
            self._cells[self._column] = ""
        if tag == "a":
            self.links.append(str(named["href"]))

    def handle_endtag(self, tag: str) -> None:
        if tag == "td":
            self._column = ""

    def handle_data(self, data: str) -> None:
        self.text += data
        if self._column:
            self._cells[self._column] += data + " "


def commit(
    store: Store, dataset: str, day: str, documents: dict | None = None, inputs: tuple = (), **facts: object
) -> str:
    """A version with these documents and facts; its URI."""
    with store.write(
        dataset, partition=day, inputs=[store.version(uri) for uri in inputs], config={"facts": facts}, code_version=1
    ) as out:
        for name, document in (documents or {"nothing": {}}).items():
            out.write_json(name, document)
        out.facts.update(facts)
    return out.version.uri


def deliver(store: Store, day: str, num_rows: int = 1234) -> None:
    store.ref(f"raw/saves/{day}").append(commit(store, "raw/saves", day, num_rows=num_rows))


def whole_day(store: Store, day: str) -> dict[str, str]:
    """All that a dashboard tells of a day; dataset -> URI."""
    deliver(store, day)
    graph = commit(store, "graph", day, num_items=600, num_boards=70)
    prepared = commit(store, "prepared", day, {"versions": {"graph": graph}})
    store.ref(f"prepared/{day}").append(prepared)
    model = commit(store, "model", day)
    metrics = {"reciprocal_scale": 100, "methods": {"pinsage": {"hit_rate@500": 0.3125, "mrr": None}}}
    evaluation = commit(store, "evaluation", day, {"metrics": metrics}, (model,))
    store.ref("champion").append(model, details={"evaluation": evaluation})
    index = commit(store, "index", day, num_indexed=599)
    store.ref("published").append(index)
    for kind in ("reports", "data_docs"):
        store.put_page(f"{kind}/{day}/index.html", b"page")
    return {"graph": graph, "prepared": prepared, "model": model, "evaluation": evaluation, "index": index}


@pytest.fixture
def session(tmp_path: Path) -> Session:
    return Session.open(str(tmp_path / "store"))


def test_an_empty_store_says_what_brings_the_first_day(session: Session) -> None:
    assert "pinsage ingest" in Rows(dashboard_page(session, NOW)).text


def test_a_day_with_everything_and_one_with_a_delivery_alone(session: Session) -> None:
    whole_day(session.store, DAY)
    deliver(session.store, EARLIER, 5)
    page = Rows(dashboard_page(session, NOW))
    assert list(page.rows) == [DAY, EARLIER]
    row = page.rows[DAY]
    assert row["Delivered"].split() == ["1,234", "saves"]
    assert "600 items on 70 boards" in row["Prepared"]
    assert row["Trained"].split() == ["1", "model", "champion"]
    assert "hit-rate@500 0.312" in row["Quality"]
    assert "served" in row["Published"]
    assert page.rows[EARLIER]["Delivered"].split() == ["5", "saves"]
    assert page.rows[EARLIER]["Published"].strip() == "–"
    assert {f"reports/{DAY}/index.html", f"data_docs/{DAY}/index.html"} == set(page.links)
    assert "knows nothing of the last 2 days" in page.text
    assert "599 items" in page.text


def test_after_another_publication_the_first_is_published_and_no_longer_served(session: Session) -> None:
    whole_day(session.store, EARLIER)
    whole_day(session.store, DAY)
    rows = Rows(dashboard_page(session, NOW)).rows
    assert rows[EARLIER]["Published"].split()[0] == "published"
    assert rows[DAY]["Published"].split()[0] == "served"
    assert "champion" not in rows[EARLIER]["Trained"]


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b'{"name": 1}', b"\xff\xfe", b"<script>alert(1)</script>"])
@pytest.mark.parametrize(
    "reference", [f"raw/saves/{DAY}", f"prepared/{DAY}", "champion", "published"], ids=lambda name: name.split("/")[0]
)
def test_a_damaged_reference_spoils_what_it_says_and_not_the_page(
    session: Session, reference: str, damage: bytes
) -> None:
    whole_day(session.store, EARLIER)
    whole_day(session.store, DAY)
    root = session.store.local_root
    assert root is not None
    (*_, last) = sorted((root / "_refs" / reference).iterdir())
    last.chmod(0o600)
    last.write_bytes(damage)
    page = Rows(dashboard_page(session, NOW))
    assert "unreadable" in page.text
    assert page.tags["script"] == 0
    assert set(page.rows) == {DAY, EARLIER}
    assert page.rows[EARLIER]["Delivered"].split() == ["1,234", "saves"]
    assert "hit-rate@500" in page.rows[DAY]["Quality"]


@pytest.mark.parametrize("dataset", ["graph", "prepared", "evaluation", "index", "model"])
def test_a_damaged_or_missing_version_spoils_its_cell_alone(session: Session, dataset: str) -> None:
    uris = whole_day(session.store, DAY)
    root = session.store.local_root
    assert root is not None
    folder, _, fingerprint = uris[dataset].rpartition("/")
    for commit_file in (root / folder / "_commits").glob(f"{fingerprint}*"):
        commit_file.chmod(0o600)
        commit_file.write_bytes(b'{"facts": "<img src=x onerror=alert(1)>"}')
    page = Rows(dashboard_page(session, NOW))
    assert page.tags["img"] == 0
    assert page.rows[DAY]["Delivered"].split() == ["1,234", "saves"]
    assert set(page.links) == {f"reports/{DAY}/index.html", f"data_docs/{DAY}/index.html"}


def test_names_that_are_no_days_are_no_rows(session: Session) -> None:
    root = session.store.local_root
    assert root is not None
    deliver(session.store, DAY)
    for name in ("<script>alert(1)<", "2026-02-30", "2026-03-10.bak"):
        (root / "_refs" / "raw" / "saves" / name).mkdir()
        (root / "_site" / "reports" / name).mkdir(parents=True)
    page = Rows(dashboard_page(session, NOW))
    assert list(page.rows) == [DAY]
    assert page.tags["script"] == 0


def test_thousands_of_days_are_listed_page_by_page_and_read_for_one_page_only(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    num_days = 3_000
    days = [add_days("2018-01-01", number) for number in range(num_days)]
    root = session.store.local_root
    assert root is not None
    uri = commit(session.store, "index", days[0], num_indexed=1)
    fingerprint = uri.rpartition("/")[2]
    stamp = "2026-03-01T00:00:00+00:00"
    for number, day in enumerate(days, 1):  # by hand: three thousand commits are none of the dashboard's business
        for name, entry, version in (("published", number, "index"), (f"raw/saves/{day}", 1, "raw/saves")):
            path = root / "_refs" / name / f"{entry:012d}.json"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(
                f'{{"name":"{name}","number":{entry},"uri":"{version}/{day}/{fingerprint}","recorded_at":"{stamp}"}}'
            )
    reads: list[str] = []
    get = type(session.store.objects).get
    monkeypatch.setattr(type(session.store.objects), "get", lambda self, key: reads.append(key) or get(self, key))

    page = Rows(dashboard_page(session, NOW))
    assert list(page.rows) == sorted(days, reverse=True)[:PAGE_DAYS]
    assert page.rows[days[-1]]["Published"].split()[0] == "served"
    assert {row["Published"].split()[0] for row in page.rows.values()} == {"served", "published"}
    assert page.links == ["?page=2"] * 2
    assert len(reads) < 10 * PAGE_DAYS + 2 * BLOCK

    seen: list[str] = []
    for number in range(1, num_days // PAGE_DAYS + 1):
        rows = Rows(dashboard_page(session, NOW, number)).rows
        assert all(row["Published"].strip() != "–" for row in rows.values()), number
        seen += rows
    assert seen == sorted(days, reverse=True)
    beyond = Rows(dashboard_page(session, NOW, 10**9))
    assert list(beyond.rows) == seen[-PAGE_DAYS:]
    assert list(Rows(dashboard_page(session, NOW, -5)).rows) == seen[:PAGE_DAYS]


def test_ages_are_told_in_the_unit_that_says_something() -> None:
    for minutes, words in (
        (0, "0 min ago"),
        (119, "119 min ago"),
        (120, "2 h ago"),
        (2879, "47 h ago"),
        (2880, "2 days ago"),
    ):
        assert age(NOW - timedelta(minutes=minutes), NOW) == words
    assert age(NOW + timedelta(hours=1), NOW) == "0 min ago", "clocks differ"
