"""A person at Airflow's UI, in a real Chromium: forms, runs, links, the dashboard, and all of it after a restart.

The tests are one story and run in the order of the file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect, sync_playwright

from pinsage.store import Store
from pinsage_airflow.forms import FORMS, OPEN_SECTION, form
from pinsage_airflow.local import LocalAirflow
from tests.dags.test_airflow_run import AS_OF, GRAPH_DAY, PROJECT, ingest
from tests.dags.test_scheduler import SETTINGS, until
from tests.pinsage.serving.test_explorer import CHROMIUM, FLAGS, NARROW, WIDE
from tests.tasks.test_pipeline import DAY, SMALL, pinsage, planted

PATIENCE_SECONDS = 120
DAGS = ("pinsage_prepare", "pinsage_train", "pinsage_publish")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(2400),
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed (apt-get install chromium)"),
]


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], LocalAirflow]:
    """Makes an Airflow with the same home and store each time, and another port.

    The days that a model needs beside its own are prepared: the forms are for one day.
    """
    folder = tmp_path_factory.mktemp("ui")
    root = str(folder / "store")
    ingest(root, planted(folder / "data", strings=True, timed=True, vectors=16))
    for day in (GRAPH_DAY, AS_OF):
        pinsage("run", "prepare", "--day", day, "--root", root, *SMALL)
    environment = {f"PINSAGE_{name.replace('.', '__').upper()}": value for name, value in SETTINGS.items()}
    return lambda: LocalAirflow(folder / "home", root, PROJECT / "dags", environment=environment)


@contextmanager
def running(airflow: LocalAirflow) -> Iterator[LocalAirflow]:
    with airflow:
        airflow.wait_until_up(timeout_seconds=600)
        for dag in reversed(DAGS):
            airflow.client.unpause(dag, timeout_seconds=600)
        yield airflow


@pytest.fixture(scope="module")
def airflow(start: Callable[[], LocalAirflow]) -> Iterator[LocalAirflow]:
    with running(start()) as local:
        yield local


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        yield playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)


@pytest.fixture(scope="module")
def context(browser: Browser, airflow: LocalAirflow) -> Iterator[BrowserContext]:
    with logged_in(browser, airflow) as context:
        yield context


@pytest.fixture
def page(context: BrowserContext) -> Iterator[Page]:
    page = context.new_page()
    yield page
    page.close()


@contextmanager
def logged_in(browser: Browser, airflow: LocalAirflow) -> Iterator[BrowserContext]:
    context = browser.new_context(viewport=WIDE, base_url=airflow.url)
    context.set_default_timeout(PATIENCE_SECONDS * 1000)
    expect.set_options(timeout=PATIENCE_SECONDS * 1000)
    page = context.new_page()
    page.goto("/")
    page.locator("input[name=username]").fill("admin")
    page.locator("input[name=password]").fill(airflow.client.password)
    page.keyboard.press("Enter")
    expect(page.get_by_test_id("nav-dags-link")).to_be_visible()
    page.close()
    yield context
    context.close()


def opened_form(page: Page, dag: str) -> tuple[Locator, Locator]:
    """The dialog behind the *Trigger* button of a DAG's page, and the button that sends it."""
    page.goto(f"/dags/{dag}")
    page.get_by_role("button", name="Trigger").first.click()
    dialog = page.get_by_role("dialog")
    expect(dialog.locator("#element_day")).to_be_visible()
    return dialog, dialog.get_by_role("button", name="Trigger", exact=True)


def section_button(dialog: Locator, section: str) -> Locator:
    return dialog.get_by_role("button", name=section, exact=True)


def trigger_by_hand(page: Page, airflow: LocalAirflow, dag: str, day: str) -> str:
    """Fill the day and nothing else, send the form, and return the id of the run."""
    before = {run["dag_run_id"] for run in airflow.client.runs(dag)}
    dialog, send = opened_form(page, dag)
    dialog.locator("#element_day").fill(day)
    expect(send).to_be_enabled()
    send.click()
    expect(dialog).to_be_hidden()
    page.goto("about:blank")  # Airflow's page asks for news all the time

    def by_hand() -> list[str]:
        runs = [run for run in airflow.client.runs(dag) if run["run_type"] == "manual"]
        return [run["dag_run_id"] for run in runs if run["dag_run_id"] not in before]

    (run,) = until(by_hand)
    return str(run)


@pytest.mark.parametrize("dag", DAGS)
def test_a_form_opens_at_the_day_with_its_settings_folded_and_ready_to_be_sent(page: Page, dag: str) -> None:
    dialog, send = opened_form(page, dag)
    expect(send).to_be_enabled()
    dialog.locator("#element_day").fill(DAY)
    expect(send).to_be_enabled()
    expect(dialog.locator("input[id^=element_]").first).to_have_id("element_day")
    expect(section_button(dialog, OPEN_SECTION)).to_have_attribute("aria-expanded", "true")
    sections = dict.fromkeys(each["section"] for each in form(*FORMS[dag].sections).values())
    assert all(section.startswith("Advanced: ") for section in sections)
    for section in sections:
        button = section_button(dialog, section)
        expect(button).to_have_attribute("aria-expanded", "false")
        button.click()
        expect(button).to_have_attribute("aria-expanded", "true")
        expect(send).to_be_enabled()
        button.click()
        expect(button).to_have_attribute("aria-expanded", "false")
    section_button(dialog, OPEN_SECTION).click()
    expect(dialog.locator("#element_day")).to_have_value(DAY)


@pytest.mark.parametrize("dag", DAGS)
def test_every_field_may_be_cleared(page: Page, dag: str) -> None:
    dialog, send = opened_form(page, dag)
    fields = form(*FORMS[dag].sections)
    for section in dict.fromkeys(each["section"] for each in fields.values()):
        section_button(dialog, section).click()
        for name, each in fields.items():
            kind = each["type"][1]
            if each["section"] != section or kind == "boolean" or "enum" in each or kind == "array":
                continue
            place = dialog.locator(f'input[name="element_{name}"]')
            place.fill("")
            place.blur()
            expect(place).to_have_value("")
            expect(send).to_be_enabled()
    dialog.get_by_text("This field is required").wait_for(state="detached")


def test_a_key_that_no_form_has_is_refused_when_it_is_sent(airflow: LocalAirflow) -> None:
    client = airflow.client
    for dag in DAGS:
        before = len(client.runs(dag))
        for unknown in ("dya", "walks.topt", "resources.device"):
            body = {"logical_date": None, "conf": {"day": DAY, unknown: 1}}
            answer = client.request("POST", f"/dags/{dag}/dagRuns", body)
            assert answer.status_code == 400, answer.text
            assert unknown in answer.text
            assert "its fields are day" in answer.text
        assert len(client.runs(dag)) == before


def test_each_dag_is_run_from_its_form_and_its_runs_are_named_by_their_day(page: Page, airflow: LocalAirflow) -> None:
    client = airflow.client
    for dag in DAGS:
        client.wait(dag, trigger_by_hand(page, airflow, dag, DAY))
    until(lambda: all(run["state"] not in ("queued", "running") for run in client.runs("pinsage_publish")))
    published = Store.open(airflow.environment["PINSAGE_ROOT"]).ref("published").head()
    assert published is not None

    for dag in DAGS:
        for run in client.runs(dag):
            assert f"__{DAY}__" in run["dag_run_id"]
            assert run["note"] == f"Day {DAY}"
    page.goto("/dags/pinsage_prepare/runs")
    expect(page.get_by_role("link", name=f"manual__{DAY}").first).to_be_visible()


def test_a_cleared_form_makes_what_an_untouched_one_makes_under_an_id_and_a_note_that_somebody_chose(
    airflow: LocalAirflow,
) -> None:
    store = Store.open(airflow.environment["PINSAGE_ROOT"])
    before = store.fingerprints("features", DAY), store.fingerprints("prepared", DAY)
    cleared = dict.fromkeys(form("validation", "graph", "walks")) | {"features.label_category": None}
    body = {"logical_date": None, "conf": {"day": DAY, **cleared}, "dag_run_id": "by-name", "note": "for the audit"}
    assert airflow.client.call("POST", "/dags/pinsage_prepare/dagRuns", body)["dag_run_id"] == "by-name"
    airflow.client.wait("pinsage_prepare", "by-name")
    assert airflow.client.call("GET", "/dags/pinsage_prepare/dagRuns/by-name")["note"] == "for the audit"
    assert (store.fingerprints("features", DAY), store.fingerprints("prepared", DAY)) == before


def follow_links(page: Page, airflow: LocalAirflow) -> None:
    """From the tasks of old runs and from the dashboard to each page, and back."""
    runs = {
        dag: next(run["dag_run_id"] for run in airflow.client.runs(dag) if f"manual__{DAY}" in run["dag_run_id"])
        for dag in ("pinsage_prepare", "pinsage_publish")
    }
    for dag, task, title, text in (
        ("pinsage_publish", "write_report", "Report", f"PinSage, {DAY}"),
        ("pinsage_prepare", "data_docs", "Data Docs", "Data Docs"),
    ):
        page.goto(f"/dags/{dag}/runs/{runs[dag]}/tasks/{task}/details")
        page.get_by_role("link", name=title, exact=True).click()
        page.wait_for_url(f"{airflow.url}/pinsage/site/**")
        expect(page.locator("body")).to_contain_text(text)

    page.goto("/")
    page.locator('a[href$="/plugin/pinsage"]').click()
    frame = page.frame_locator("iframe")
    row = frame.locator(f'tr[id="{DAY}"]')
    expect(row).to_contain_text("champion")
    expect(row).to_contain_text("served")
    expect(row).to_contain_text("hit-rate@500")
    row.get_by_role("link", name="Report").click()
    expect(frame.locator("h1")).to_have_text(f"PinSage, {DAY}")
    page.goto("/plugin/pinsage")
    row.get_by_role("link", name="Data Docs").click()
    expect(frame.locator("body")).to_contain_text("Data Docs")


def test_links_lead_to_report_data_docs_and_dashboard(page: Page, airflow: LocalAirflow) -> None:
    follow_links(page, airflow)


@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_dashboard_fits_its_window(page: Page, size: dict[str, int], scheme: Any) -> None:
    page.set_viewport_size(size)  # type: ignore[arg-type]
    page.emulate_media(color_scheme=scheme)
    page.goto("/pinsage/site/")
    expect(page.locator(f'tr[id="{DAY}"]')).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    brightness = sum(map(int, background.removeprefix("rgb(").removesuffix(")").split(",")[:3]))
    assert (brightness > 384) == (scheme == "light")


def test_folders_of_the_site_are_not_found(page: Page) -> None:
    for folder in ("reports", f"reports/{DAY}", "data_docs"):
        answer = page.goto(f"/pinsage/site/{folder}")
        assert answer is not None
        assert answer.status == 404


def test_links_of_old_runs_lead_there_after_a_restart_at_another_port(
    browser: Browser, airflow: LocalAirflow, start: Callable[[], LocalAirflow]
) -> None:
    airflow.stop()
    again = start()
    assert again.url != airflow.url
    with running(again), logged_in(browser, again) as context:
        follow_links(context.new_page(), again)
