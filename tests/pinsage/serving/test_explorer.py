"""The explorer page in a real headless Chromium, wide and narrow, with keys and with fingers."""

from __future__ import annotations

import os
import re
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import uvicorn
from playwright.sync_api import Browser, Page, Route, expect, sync_playwright

from pinsage import Recommender
from pinsage.serving.config import ServingConfig
from pinsage.serving.service.app import create_app
from pinsage.store import Store

expect.set_options(timeout=30_000)
CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
WIDE, NARROW = {"width": 1280, "height": 900}, {"width": 390, "height": 844}

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed (apt-get install chromium)"),
]


@pytest.fixture(scope="module")
def url(planted: tuple[Path, tuple[str, ...]], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    root = tmp_path_factory.mktemp("explored") / "store"
    shutil.copytree(planted[0], root)
    Store.open(root).ref("published").append(planted[1][1])
    config = ServingConfig(poll_seconds=0, port=0)
    server = uvicorn.Server(uvicorn.Config(create_app(Recommender(root, config), config), port=0, log_level="warning"))
    listening = server.config.bind_socket()
    listening.listen()  # whoever comes before the server runs waits
    running = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    running.start()
    yield f"http://127.0.0.1:{listening.getsockname()[1]}/"
    server.should_exit = True
    running.join()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        yield playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)


@pytest.fixture(params=[WIDE, NARROW], ids=["wide", "narrow"])
def page(browser: Browser, url: str, request: pytest.FixtureRequest) -> Iterator[Page]:
    narrow = request.param is NARROW
    context = browser.new_context(viewport=request.param, has_touch=narrow, base_url=url)
    page = context.new_page()
    faults: list[str] = []
    # A breach of the content security policy is an error on the console.
    page.on("console", lambda message: faults.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("request", lambda asked: faults.append(asked.url) if not asked.url.startswith((url, "data:")) else None)
    yield page
    overflow = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    context.close()
    assert faults == []
    assert overflow == 0, "the page scrolls sideways"


def test_a_search_by_keys_leads_to_neighbors_of_every_method_and_back(page: Page) -> None:
    page.goto("/")
    expect(page.locator(".starters .card")).to_have_count(12)
    page.keyboard.press("/")
    expect(page.get_by_role("combobox")).to_be_focused()
    page.keyboard.type("word7 thing")
    expect(page.get_by_role("option")).to_have_count(12)
    page.keyboard.type(" 2")
    # No other words are found so often: this is the last list, and no later one moves the choice to its beginning.
    expect(page.get_by_role("option")).to_have_count(11)
    page.keyboard.press("ArrowDown")
    second = page.locator("[role=option][aria-selected=true] span").inner_text()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text(second)
    expect(page).to_have_title(f"{second} · PinSage explorer")
    for method in ("pinsage", "content", "random_walk", "popularity"):
        expect(page.locator(f"[data-method={method}] .card").first).to_be_visible()
    for title in page.locator("[data-method=pinsage] .title").all_inner_texts():
        assert title.startswith("two word")

    slider = page.get_by_role("slider")
    slider.focus()
    for value in ("0.1", "0.2"):
        with page.expect_response(re.compile(f"comparison.*popularity={value}")):
            page.keyboard.press("ArrowRight")
        expect(page).to_have_url(re.compile(f"popularity={value}"))
        expect(page.locator("body")).not_to_have_attribute("data-busy", "")
        expect(slider).to_have_value(value)
        expect(slider).to_be_focused()
    page.keyboard.press("/")
    expect(page.get_by_role("combobox")).to_be_focused()

    neighbor = page.locator("[data-method=pinsage] .card").first
    title = neighbor.locator(".title").inner_text()
    neighbor.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text(title)
    page.go_back()
    expect(page.get_by_role("heading", level=1)).to_have_text(second)
    expect(page.locator("nav [aria-current=page]")).to_have_text("Neighbors")


def test_rows_grow_until_all_is_shown(page: Page) -> None:
    page.goto("/#item=item-7")
    row = page.locator("[data-method=content]")
    expect(row.locator(".card")).to_have_count(6)
    for number in (24, 42, 60):
        row.get_by_role("button", name="More").focus()
        page.keyboard.press("Enter")
        expect(row.locator(".card")).to_have_count(number)
        expect(row.locator(".card").nth(number - 18 if number < 60 else 42)).to_be_focused()
    expect(row.get_by_role("button", name="More")).to_have_count(0)
    expect(page.locator("[data-method=random_walk] .card")).to_have_count(5)
    expect(page.locator("[data-method=random_walk]").get_by_role("button", name="More")).to_have_count(0)
    expect(page.locator("[data-method=random_walk] .visits")).to_contain_text("20 visits")


def test_cards_tell_brand_price_and_shared_boards(page: Page) -> None:
    page.goto("/#item=item-7")
    expect(page.locator(".asked .facts")).to_contain_text("brand brand 0 · price 7.5")
    card = page.locator("[data-method=pinsage] .card").first
    number = int((card.get_attribute("data-key") or "").removeprefix("item-"))
    expect(card.locator(".few")).to_contain_text(f"price {number}.5")
    expect(card.locator(".meta")).to_contain_text(re.compile(r"\d boards? shared"))


def test_items_are_collected_and_asked_about_together_under_conditions(page: Page) -> None:
    page.goto("/#view=together")
    page.get_by_role("button", name=re.compile("^Collect two word")).first.click()
    asked = page.locator(".asked-chips li")
    expect(asked).to_have_count(1)
    page.goto("/#item=item-17")
    collect = page.locator(".asked").get_by_role("button", name="Collect two word7 thing 17")
    collect.focus()
    page.keyboard.press("Enter")
    expect(collect).to_have_attribute("aria-pressed", "true")
    expect(page.get_by_role("heading", level=1)).to_contain_text("thing 17")
    together = page.get_by_role("link", name="Together 2")
    together.click()
    expect(asked).to_have_count(2)
    expect(asked.first).to_contain_text("two word7 thing 17")
    cards = page.locator(".recommended .card")
    expect(cards).to_have_count(6)

    page.get_by_label("Only of category").fill("two kind 3")
    page.get_by_role("button", name="Add").click()
    expect(page.locator(".recommended .tile", has_text="two kind 3")).to_have_count(6)
    gone = cards.first.get_attribute("data-key") or ""
    page.locator(".recommended").get_by_role("button", name=re.compile("^Exclude")).first.click()
    expect(page).to_have_url(re.compile(f"not={gone}"))
    expect(page.get_by_role("list", name="Excluded items").locator(".chip")).to_have_count(1)
    expect(page.locator(f".recommended [data-key={gone}]")).to_have_count(0)
    page.get_by_role("button", name=re.compile("^Allow again")).click()
    expect(page.locator(f".recommended [data-key={gone}]")).to_have_count(1)
    page.get_by_role("button", name="Remove two kind 3").click()
    expect(page.locator(".recommended .tile", has_text="two kind 3")).not_to_have_count(6)

    page.get_by_role("button", name=re.compile("^Ask as the newest")).click()
    expect(asked.nth(1)).to_contain_text("two word7 thing 17")
    page.get_by_label("Older items count").press("ArrowLeft")
    expect(page).to_have_url(re.compile("decay=0.7"))
    page.reload()
    expect(asked).to_have_count(2)
    page.get_by_role("button", name="Remove two word7 thing 17").click()
    expect(asked).to_have_count(1)
    expect(page.get_by_role("link", name="Together 1")).to_be_visible()


def test_unknown_items_of_a_list_are_named(page: Page) -> None:
    page.goto("/#view=together&with=item-7&with=gone")
    expect(page.get_by_role("status")).to_contain_text("gone")
    expect(page.locator(".recommended .card")).to_have_count(6)
    expect(page.locator(".asked-chips li").nth(1)).to_contain_text("unknown, skipped")


def test_a_list_of_unknown_items_alone_can_be_mended(browser: Browser, url: str) -> None:
    page = browser.new_page(base_url=url)
    page.goto("/#view=together&with=gone&with=item-7")
    page.get_by_role("button", name="Remove two word7 thing 7").click()
    expect(page.get_by_role("alert")).to_contain_text("'gone' is not among the 300 items")
    page.get_by_role("button", name="Remove gone").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("What goes with several items?")
    expect(page.get_by_role("alert")).to_be_hidden()
    page.close()


def test_a_search_for_nothing_says_so(page: Page) -> None:
    page.goto("/")
    page.get_by_role("combobox").fill("no such thing")
    expect(page.locator("#suggestions")).to_contain_text("No title holds")
    page.get_by_role("combobox").press("Escape")
    expect(page.locator("#suggestions")).to_be_hidden()


def test_suggestions_belong_to_the_page_that_they_were_asked_on(page: Page) -> None:
    page.goto("/")
    page.get_by_role("combobox").fill("no such thing")
    expect(page.locator("#suggestions")).to_be_visible()
    page.evaluate("location.hash = '#view=versions'")
    expect(page.locator("nav [aria-current=page]")).to_have_text("Versions")
    expect(page.locator("#suggestions")).to_be_hidden()


def test_an_item_shows_its_picture_and_a_tile_where_there_is_none_or_it_is_broken(page: Page) -> None:
    for item, pictures in (("item-3", 1), ("item-4", 0), ("item-5", 0)):
        page.goto(f"/#item={item}")
        expect(page.get_by_role("heading", level=1)).to_contain_text(item.removeprefix("item-"))
        expect(page.locator(".asked .tile img")).to_have_count(pictures)
        expect(page.locator(".asked .tile")).to_contain_text("two kind")
    page.goto("/#item=item-3")
    page.wait_for_function("() => document.querySelector('.asked img')?.naturalWidth === 1")


def test_the_map_is_drawn_zoomed_by_keys_and_leads_to_an_item(page: Page) -> None:
    page.goto("/#view=map&item=item-42")
    canvas = page.locator("canvas")
    expect(canvas).to_have_attribute("data-ready", "300", timeout=60_000)
    colored = """canvas => { const data = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
        let count = 0; for (let at = 3; at < data.length; at += 4) count += data[at] > 0; return count; }"""
    page.wait_for_function(f"() => ({colored})(document.querySelector('canvas')) > 100")
    canvas.focus()
    before = canvas.evaluate("canvas => canvas.toDataURL()")
    page.keyboard.press("+")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowRight")
    page.wait_for_function("before => document.querySelector('canvas').toDataURL() !== before", arg=before)
    # The asked item is in the middle of its map.
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text(re.compile("two word2 thing 42"))


def test_two_versions_are_compared_side_by_side(page: Page) -> None:
    page.goto("/#item=item-7")
    page.get_by_role("link", name="Versions", exact=True).click()
    lists = page.locator(".ranked")
    expect(lists).to_have_count(2)
    expect(lists.nth(0).locator("a").first).to_contain_text("one word")
    expect(lists.nth(1).locator("a").first).to_contain_text("two word")
    expect(page.locator(".publications tbody tr")).to_have_count(2)
    page.get_by_label("Before").select_option(index=0)
    expect(lists.nth(0).locator("a").first).to_contain_text("two word")
    expect(page.locator("main")).to_contain_text("12 of 12 stayed")


def test_names_of_neighbors_beside_the_map_lead_on_the_map_from_one_to_the_next(page: Page) -> None:
    page.goto("/#view=map&item=item-42")
    near = page.locator(".near li")
    expect(near).to_have_count(7)
    expect(near.first).to_contain_text("two word2 thing 42")
    name = near.nth(1).locator("a").inner_text()
    near.nth(1).locator("a").click()
    expect(near.first.locator("a")).to_have_text(name)
    expect(page.locator("nav [aria-current=page]")).to_have_text("Map")


def test_faults_are_told_in_words_with_a_way_on(browser: Browser, url: str) -> None:
    page = browser.new_page(base_url=url)
    page.route("**/overview", lambda route: route.abort())
    page.goto("/")
    expect(page.get_by_role("alert")).to_contain_text("The service does not answer")
    page.unroute("**/overview")
    page.get_by_role("button", name="Try again").click()
    expect(page.locator(".starters .card")).to_have_count(12)
    expect(page.get_by_role("alert")).to_be_hidden()

    page.goto("/#item=mistyped")
    expect(page.get_by_role("alert")).to_contain_text("item 'mistyped' is not among the 300 items")
    expect(page.locator(".starters .card")).to_have_count(12)
    page.close()


def test_a_slow_answer_is_announced_and_a_late_one_replaces_nothing(page: Page) -> None:
    page.goto("/#item=item-7")
    expect(page.get_by_role("heading", level=1)).to_contain_text("thing 7")
    held: list[Route] = []
    page.route("**/item-8/comparison*", lambda route: held.append(route))
    page.evaluate("location.hash = 'item=item-8'")
    expect(page.locator("body")).to_have_attribute("data-busy", "")
    page.evaluate("location.hash = 'item=item-9'")
    expect(page.get_by_role("heading", level=1)).to_contain_text("thing 9")
    expect(page.locator("body")).not_to_have_attribute("data-busy", "")
    held[0].continue_()
    page.wait_for_load_state("networkidle")
    expect(page.get_by_role("heading", level=1)).to_contain_text("thing 9")


def test_a_late_answer_leaves_the_keys_where_somebody_has_taken_them(page: Page) -> None:
    page.goto("/#item=item-7")
    slider, search = page.get_by_role("slider"), page.get_by_role("combobox")
    slider.focus()
    held: list[Route] = []
    page.route("**/item-7/comparison*", lambda route: held.append(route))
    page.keyboard.press("ArrowRight")
    expect(page.locator("body")).to_have_attribute("data-busy", "")
    page.keyboard.press("/")
    expect(search).to_be_focused()
    while not held:
        page.wait_for_timeout(20)
    held[0].continue_()
    expect(page.locator("body")).not_to_have_attribute("data-busy", "")
    expect(slider).to_have_value("0.1")
    expect(search).to_be_focused()


def test_the_api_page_tries_a_route(page: Page) -> None:
    page.goto("/docs")
    route = page.locator(".route", has_text="/items/{item_id}/similar")
    route.locator("input").first.fill("item-7")
    route.get_by_role("button", name="Try").click()
    expect(route.locator("pre")).to_contain_text('"key": "item-')
