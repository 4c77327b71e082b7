"""The stage that writes the day's report: one self-contained HTML page, no outside assets."""

from __future__ import annotations

import tempfile
import zlib
from pathlib import Path
from typing import Any

import altair as alt
import jinja2
import numpy as np
import structlog
import vl_convert

from pinsage.serving.published import PublishedIndex, open_published
from pinsage.store import Version
from tasks.session import Session

CODE_VERSION = 1
NUM_EXAMPLES, NUM_NEIGHBORS = 10, 6

log = structlog.get_logger()


def write_report(session: Session, day: str, index: Version, evaluation: Version | None) -> Version:
    """Write versions, evaluation, curves and example recommendations as a page.

    Args:
        session: The store.
        day: The partition.
        index: The index that recommends.
        evaluation: Of the model behind it; None leaves the table out.

    Returns:
        The committed version of ``report``: file ``page``; a copy for people lies at
        ``<root>/_site/reports/<day>/index.html``.
    """
    store = session.store
    embeddings = store.input_of(index, "embeddings")
    model, graph = store.input_of(embeddings, "model"), store.input_of(embeddings, "graph")
    inputs = [index, model, graph, *([evaluation] if evaluation else [])]
    with store.write("report", partition=day, inputs=inputs, config={}, code_version=CODE_VERSION) as out:
        if not out.is_committed:
            page = _page(day, index, model, graph, embeddings, evaluation)
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder) / "page.html"
                path.write_text(page, encoding="utf-8")
                out.write_file("page", path, ".html")
    page_path = store.put_page(f"reports/{day}/index.html", out.version.path("page").read_bytes())
    log.info("write_report", version=out.version.uri, page=page_path)
    return out.version


def _page(
    day: str, index: Version, model: Version, graph: Version, embeddings: Version, evaluation: Version | None
) -> str:
    statistics, recall, history = graph.json("statistics"), index.json("recall"), model.json("history")
    metrics = evaluation.json("metrics") if evaluation else None
    opened = open_published(index)
    versions = [graph, model, embeddings, index, *([evaluation] if evaluation else [])]
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
    )
    return environment.get_template("page.html.j2").render(
        day=day,
        facts=[
            ("items", f"{statistics['num_items']:,}"),
            ("boards", f"{statistics['num_boards']:,}"),
            ("distinct saves", f"{statistics['num_edges']:,}"),
            ("pairs trained on", f"{model.facts['num_pairs']:,}"),
            ("parameters", f"{model.facts['num_parameters']:,}"),
            (f"recall@{recall['k']} of the index", "-" if recall["recall"] is None else f"{recall['recall']:.3f}"),
        ],
        metrics=metrics,
        names=[name for name in metrics["methods"]["pinsage"] if name != "interval"] if metrics else [],
        tables=_tables(metrics) if metrics else [],
        charts=_charts(metrics, history, recall),
        examples=_examples(opened, graph),
        versions=[(version.dataset, version.uri) for version in versions],
        hue=lambda text: zlib.crc32(text.encode()) % 360,
        shown=lambda value: "-" if value is None else f"{value:.4f}",
    )


def _tables(metrics: dict[str, Any]) -> list[tuple[str, list[tuple[str, Any]]]]:
    few = metrics["slices"]["few_saves"]
    title = f"Targets with at most {few['max_saves']} saves ({few['num_queries']:,} queries)"
    return [("", _ordered(metrics["methods"])), (title, _ordered(few["methods"]))]


def _ordered(methods: dict[str, Any]) -> list[tuple[str, Any]]:
    return sorted(methods.items(), key=lambda entry: (entry[0] != "pinsage", entry[0]))


def _charts(
    metrics: dict[str, Any] | None, history: dict[str, Any], recall: dict[str, Any]
) -> list[tuple[str, str, str]]:
    charts = []
    if metrics:
        names = [name for name in metrics["methods"]["pinsage"] if name.startswith("hit_rate@")]
        rows = [
            {"method": method, "metric": name, "value": values[name] or 0.0}
            for method, values in _ordered(metrics["methods"])
            for name in names
        ]
        bars = (
            alt.Chart(alt.Data(values=rows))
            .mark_bar()
            .encode(
                x=alt.X("value:Q", title=None),
                y=alt.Y("method:N", sort="-x", title=None),
                color=alt.condition("datum.method == 'pinsage'", alt.value("#c2410c"), alt.value("#94a3b8")),
            )
            .properties(width=230, height=130)
            .facet(column=alt.Column("metric:N", title=None, sort=names))
            .resolve_scale(x="independent", y="independent")
        )
        charts.append(("Hit-rate", "Share of held-out pairs whose item is among the K best.", _svg(bars)))
    steps = [{"step": line["step"], "value": line["loss"]} for line in history["steps"]]
    if steps:
        loss = (
            alt.Chart(alt.Data(values=steps), width=620, height=180)
            .mark_line(color="#94a3b8")
            .encode(x=alt.X("step:Q", title="step"), y=alt.Y("value:Q", title="loss", scale=alt.Scale(zero=False)))
        )
        note = "Training loss; hard negatives are added epoch by epoch, so it does not fall steadily."
        charts.append(("Training", note, _svg(loss)))
    if history["tune"]:
        at = history["tune"][0]["at"]
        tune = (
            alt.Chart(alt.Data(values=history["tune"]), width=620, height=160)
            .mark_line(point=True, color="#c2410c")
            .encode(
                x=alt.X("step:Q", title="step"),
                y=alt.Y("hit_rate:Q", title=f"hit-rate@{at}", scale=alt.Scale(zero=False)),
            )
        )
        charts.append(("Tuning pairs", "Hit-rate on pairs kept out of training; the best epoch is kept.", _svg(tune)))
    points = [point for point in [*recall["shard_curves"], *recall["curve"]] if point["recall"] is not None]
    if points:
        curve = (
            alt.Chart(alt.Data(values=points), width=620, height=160)
            .mark_point(color="#c2410c", filled=True)
            .encode(
                x=alt.X("search_k:Q", title="search_k", scale=alt.Scale(type="log")),
                y=alt.Y("recall:Q", title=f"recall@{recall['k']}", scale=alt.Scale(zero=False)),
            )
        )
        charts.append(("Index", "Recall against exact search for every effort that was measured.", _svg(curve)))
    return charts


def _svg(chart: Any) -> str:
    transparent = chart.configure(background="transparent").configure_axis(
        labelColor="#7a8699", titleColor="#7a8699", gridColor="#8884"
    )
    svg: str = vl_convert.vegalite_to_svg(transparent.configure_header(labelColor="#7a8699").to_json())
    return svg


def _examples(opened: PublishedIndex, graph: Version) -> list[tuple[dict[str, Any], list[dict[str, Any]]]]:
    """Popular items, one of each category, and their neighbors."""
    degrees = np.diff(graph.array("item_offsets"))
    categories = opened.items.column("category").to_pylist()
    chosen: list[int] = []
    seen: set[str | None] = set()
    for row in np.argsort(-degrees, kind="stable").tolist():
        if degrees[row] and (categories[row] is None or categories[row] not in seen):
            seen.add(categories[row])
            chosen.append(row)
        if len(chosen) == NUM_EXAMPLES:
            break
    examples = []
    for row in chosen:
        query = opened.index.geometry.queries(np.asarray(opened.index.embeddings[row : row + 1]), 0.0)[0]
        rows, scores = opened.index.search(query, NUM_NEIGHBORS, exclude=np.array([row]))
        found = [{**_label(opened, int(near)), "score": float(score)} for near, score in zip(rows, scores, strict=True)]
        examples.append((_label(opened, row), found))
    return examples


def _label(opened: PublishedIndex, row: int) -> dict[str, Any]:
    values = {name: opened.items.column(name)[row].as_py() for name in ("item_id", "title", "category")}
    return {"title": values["title"] or str(values["item_id"]), "category": values["category"] or ""}
