"""The page of the report: what it shows of texts and numbers; whole reports are checked in test_pipeline.py."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from pinsage.store import Store, Version
from tasks.report.blocks import Card, Cards, Cell, Chart, Facts, Link, Section, Table
from tasks.report.charts import OURS, bars
from tasks.report.graph import degree_histogram
from tasks.report.history import history
from tasks.report.render import MARK, NAVIGATION_MARK, render_page, with_present
from tasks.report.sources import Sources


def evaluated(store: Store, day: str, hit_rate: float | None) -> Version:
    with store.write("evaluation", partition=day, inputs=[], config={}, code_version=0) as out:
        values = {"hit_rate@500": hit_rate, "mrr_scaled": None}
        out.write_json("metrics", {"methods": {"pinsage": values, "content": values}})
    return out.version


def test_the_history_shows_past_evaluations_and_none_of_later_days(tmp_path: Path) -> None:
    store = Store.open(tmp_path)
    version = evaluated(store, "2026-03-01", 0.25)
    sources = Sources(store, "2026-03-08", *[version] * 6, evaluation=version)
    assert history(sources) is None, "one evaluation is no history"
    evaluated(store, "2026-03-08", 0.5)
    evaluated(store, "2026-03-15", 0.75)
    shown = history(sources)
    assert shown is not None
    (chart,) = shown.blocks
    assert isinstance(chart, Chart), "a metric that is undefined everywhere is left out"
    assert "2026-03-01" in chart.svg
    assert "2026-03-08" in chart.svg
    assert "2026-03-15" not in chart.svg


def test_degrees_are_counted_by_powers_of_two() -> None:
    counts = degree_histogram(np.array([0, 0, 1, 2, 3, 4, 7, 8, 2048]))
    shown = {each["degree"]: each["count"] for each in counts if each["count"]}
    assert shown == {"0": 2, "1": 1, "2": 2, "4": 2, "8": 1, "2k": 1}
    assert [each["degree"] for each in counts][-2:] == ["1k", "2k"]


def test_texts_of_the_catalogue_are_shown_as_text_and_every_block_is_drawn() -> None:
    hostile = "<script>alert(1)</script>"
    drawn = bars([{"degree": "1", "count": 3}, {"degree": "2", "count": 30}], "degree", "count", "title", OURS)
    sections = [
        Section("First one", hostile, [Facts([("3", hostile)]), Chart(drawn, "caption"), Link("x.html", "beside")]),
        Section(
            "Last",
            "",
            [
                Table(["method", "value"], [("pinsage", Cell("0.5", "0.4 – 0.6")), (hostile, "1")], "title", "pinsage"),
                Cards(Card(hostile, hostile, hostile), [Card("found", "")]),
            ],
        ),
    ]
    page = render_page("2026-03-01", "index/2026-03-01/0", sections)
    assert hostile not in page
    assert page.count("&lt;script&gt;") >= 5
    assert 'href="#first-one"' in page
    assert "<svg" in page
    assert '<tr class="ours"><td>pinsage</td><td>0.5<small>0.4 – 0.6</small></td></tr>' in page

    completed = with_present(page, [Section("Timings", "9 seconds")])
    assert MARK not in completed
    assert NAVIGATION_MARK not in completed
    assert '<a href="#timings">Timings</a>' in completed
    assert completed.index('id="first-one"') < completed.index("9 seconds") < completed.index('id="last"')
