"""The page of the report: what it shows of texts and numbers; whole reports are checked in test_pipeline.py."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from pinsage.store import Store, Version
from tasks.report.evaluation import evaluation
from tasks.report.graph import degree_histogram
from tasks.report.history import history
from tasks.report.sources import Sources
from tasks.runtime.pages.blocks import Card, Cards, Cell, Chart, Facts, Link, Section, Table
from tasks.runtime.pages.charts import OURS, bars
from tasks.runtime.pages.render import MARK, NAVIGATION_MARK, render_page, with_present


def evaluated(
    store: Store,
    day: str,
    hit_rate: float | None,
    model: Version | None = None,
    seed: int = 0,
    beside: tuple[str, ...] = ("content",),
) -> Version:
    inputs = [] if model is None else [model]
    with store.write("evaluation", partition=day, inputs=inputs, config={"seed": seed}, code_version=0) as out:
        values = {"hit_rate@500": hit_rate, "mrr_scaled": None}
        out.write_json("metrics", {"methods": dict.fromkeys(("pinsage", *beside), values)})
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


def test_the_history_shows_the_days_own_model_and_the_one_that_it_had_to_beat(tmp_path: Path) -> None:
    store = Store.open(tmp_path)
    models = []
    for day in ("2026-03-01", "2026-03-08"):
        with store.write("model", partition=day, inputs=[], config={}, code_version=0) as out:
            out.write_json("history", {})
        models.append(out.version)
    evaluated(store, "2026-03-01", 0.25, models[0])
    # Whichever of the two fingerprints is the larger one.
    for seed in range(8):
        evaluated(store, "2026-03-08", 0.125, models[0], seed)
    own = evaluated(store, "2026-03-08", 0.5, models[1])
    shown = history(Sources(store, "2026-03-08", *[own] * 6, evaluation=own))
    assert shown is not None
    (chart,) = shown.blocks
    assert isinstance(chart, Chart)
    points = re.findall(r'aria-label="day: 2026-03-08; value: ([0-9.]+); method: ([^"]+)"', chart.svg)
    assert {(float(value), name) for value, name in points} == {
        (0.5, "PinSage"),
        (0.125, "PinSage, an earlier model"),
        (0.5, "content"),
    }


def test_the_history_shows_no_row_of_an_ablation_for_a_days_model(tmp_path: Path) -> None:
    store = Store.open(tmp_path)
    last = evaluated(store, "2026-03-08", 0.75, beside=("content", "pagerank"))
    evaluated(store, "2026-03-01", 0.5, beside=("content", "pagerank"))
    for seed in range(1, 9):  # whichever fingerprint is the largest
        evaluated(store, "2026-03-01", 0.125, seed=seed)
    shown = history(Sources(store, "2026-03-08", *[last] * 6, evaluation=last))
    assert shown is not None
    (chart,) = shown.blocks
    assert isinstance(chart, Chart)
    assert set(re.findall(r'aria-label="day: 2026-03-01; value: ([0-9.]+)', chart.svg)) == {"0.5"}


def test_the_evaluation_names_methods_and_slices_in_words(tmp_path: Path) -> None:
    store = Store.open(tmp_path)
    measures = {"hit_rate@50": 0.25, "mrr": None, "interval": {"hit_rate@50": [0.2, 0.3], "mrr": [None, None]}}
    methods = {"pinsage": measures, "item_knn": {**measures, "hit_rate@50": None}}
    few = {"max_saves": 45, "num_queries": 7, "methods": methods}
    with store.write("embeddings", partition="2026-03-08", inputs=[], config={}, code_version=0) as out:
        out.facts["popularity_dim"] = True
    embeddings = out.version
    config = {"interval_level": 0.95}
    with store.write("evaluation", partition="2026-03-08", inputs=[], config=config, code_version=0) as out:
        slices = {"cold": {**few, "num_queries": 0}, "few_saves": few}
        document = {
            "methods": methods,
            "slices": slices,
            "without_popularity": {"all": measures, "few_saves": measures},
        }
        facts = {"as_of_day": "2026-03-01", "num_queries": 9, "pool_size": 1000, "reciprocal_scale": 100}
        out.write_json("metrics", {**document, **facts})
    version = out.version
    section = evaluation(Sources(store, "2026-03-08", version, embeddings, *[version] * 4, evaluation=version))
    assert "in the days after 2026-03-01" in section.note
    chart, meanings, whole, part = section.blocks
    assert isinstance(chart, Chart)
    assert "item-kNN" not in chart.svg, "what is undefined is no bar"
    assert isinstance(meanings, Table)
    assert [row[0] for row in meanings.rows] == ["PinSage", "PinSage, likeness alone", "item-kNN"]
    assert isinstance(whole, Table)
    assert whole.header == ["method", "hit-rate@50", "MRR"]
    assert whole.rows[0] == ("PinSage", Cell("0.2500", "0.2000 – 0.3000"), Cell("-", ""))
    assert isinstance(part, Table)
    assert part.title == "When the item to be found has few saves, at most 45 (7 pairs)"


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
