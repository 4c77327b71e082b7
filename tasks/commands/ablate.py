"""The paper's comparisons on any prepared day: Table 1 (what each part brings), Table 3 (batch size), Table 4 (T).

Every row is a setting of the pipeline's own stages, so a model that was trained before is found and not trained again,
and an ablation that was killed continues. Rows of Table 1 are the paper's model and training (`PAPER`) with parts of
them exchanged, but for the last, which is the session's own. The versions made for them are no prepared day's.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import structlog

from pinsage.store import Version, Writer
from tasks.commands.ablation_page import markdown, plot
from tasks.embed.embed_day import embed_day
from tasks.evaluate.evaluate_model import evaluate_model
from tasks.prepare.featurize_items import featurize_items
from tasks.prepare.prepared import Prepared, as_of_day, graph_day, open_prepared
from tasks.prepare.sample_neighborhoods import sample_neighborhoods
from tasks.runtime.committing import commit_stage
from tasks.runtime.config import PinSageConfig
from tasks.runtime.session import Session
from tasks.runtime.stages import ABLATE
from tasks.train.build_pairs import build_holdout_pairs, build_pairs
from tasks.train.mine_hard_negatives import mine_hard_negatives
from tasks.train.train_model import train_model

HIT_RATES_AT = (10, 50, 500)
METRICS = (*(f"hit_rate@{rank}" for rank in HIT_RATES_AT), "mrr_scaled")

PAPER: dict[str, dict[str, Any]] = {
    "features": {"graph_width": 0},
    "walks": {"num_walks": 3000},
    "pairs": {"graph_lag_days": 0},
    "model": {"skip": False, "popularity": False},
    "training": {"loss": "max_margin", "shared_negatives": 500, "in_batch_negatives": False, "log_q": False},
}
"""The paper's choices (sections 3.2 to 4.1) where this project's defaults differ; it does not tell the number of walks.
Max margin is averaged over the negatives within the margin, see `pinsage.training.loss.max_margin_loss`.
Its T of 50 is left to the session, for it is what training costs most."""

log = structlog.get_logger()


@dataclass(frozen=True)
class Row:
    """One row of a table: its name and how its settings differ from the session's."""

    table: int
    name: str
    settings: dict[str, dict[str, Any]] = field(default_factory=dict)


def rows_of(table: int) -> tuple[Row, ...]:
    """The trained rows of a table of the paper.

    Raises:
        ValueError: The paper has no such table of results, or it is not one of models.
    """
    if table == 1:
        return (
            _of_paper("max-pooling", pooling="max", max_hard_negatives=0),
            _of_paper("mean-pooling", pooling="mean", max_hard_negatives=0),
            _of_paper("mean-pooling-xent", pooling="mean", max_hard_negatives=0, loss="softmax"),
            _of_paper("mean-pooling-hard", pooling="mean"),
            _of_paper("PinSage, as in the paper"),
            Row(1, "PinSage, this configuration"),
        )
    if table == 3:
        return tuple(Row(3, f"batch {size}", {"training": {"batch_pairs": size}}) for size in (512, 1024, 2048, 4096))
    if table == 4:
        return tuple(Row(4, f"T = {top_t}", {"model": {"top_t": top_t}}) for top_t in (10, 20, 50))
    raise ValueError(f"ablation: table {table}; expected 1 (parts of the model), 3 (batch size) or 4 (neighbors)")


def _of_paper(name: str, pooling: str = "importance", **training: Any) -> Row:
    """A row of Table 1: the paper's model with another pooling, trained with other settings."""
    settings = {**PAPER, "model": {**PAPER["model"], "pooling": pooling}, "training": {**PAPER["training"], **training}}
    return Row(1, name, settings)


def ablate(session: Session, day: str, *, tables: tuple[int, ...], num_seeds: int) -> Iterator[tuple[str, Version]]:
    """Train and evaluate every row of some tables, once a seed; the last thing that comes is the ablation itself.

    Args:
        session: Store and configuration that the rows start from.
        day: The day of the models; its as-of day and the day of the graph that they train on are prepared.
        tables: Of 1, 3 and 4.
        num_seeds: Models of every row, with the seeds ``training.seed``, ``training.seed + 1``, ...

    Yields:
        What was done and the version: an evaluation for every row and seed, then the version of ``ablation`` with json
        ``results`` and files ``table`` (Markdown) and ``plot`` (SVG).
    """
    rows = [row for table in tables for row in rows_of(table)]
    as_of = open_prepared(session, as_of_day(session, day))
    # With the last seed: what is refused is refused before anything is trained.
    last = [with_settings(session, row, num_seeds - 1) for row in rows]
    ground = [open_prepared(session, graph_day(each, as_of.day)) for each in last]
    found: list[tuple[Row, int, Version, Version]] = []
    for row, trained_on in zip(rows, ground, strict=True):
        for offset in range(num_seeds):
            varied = with_settings(session, row, offset)
            model, evaluation = _measured(varied, day, as_of, trained_on)
            found.append((row, varied.config.training.seed, model, evaluation))
            yield f"table {row.table}, {row.name}, seed {varied.config.training.seed}", evaluation
    inputs = list({evaluation.uri: evaluation for _, _, _, evaluation in found}.values())
    settings = {"tables": tables, "num_seeds": num_seeds, "rows": [vars(row) for row in rows]}

    def write(out: Writer) -> None:
        results = summarise(day, found)
        out.write_json("results", results)
        with tempfile.TemporaryDirectory() as folder:
            for name, suffix, text in (("table", ".md", markdown(results)), ("plot", ".svg", plot(results))):
                path = Path(folder) / f"{name}{suffix}"
                path.write_text(text, encoding="utf-8")
                out.write_file(name, path, suffix)

    version = commit_stage(session, ABLATE, day, inputs, write, **settings)
    for name, suffix in (("table", ".md"), ("plot", ".svg")):
        session.store.put_page(f"ablations/{day}/{name}{suffix}", version.path(name).read_bytes())
    yield "ablation", version


def with_settings(session: Session, row: Row, seed_offset: int) -> Session:
    """A session with the settings of a row and the seed of a repetition."""
    config = session.config
    changed = {name: dict(section) for name, section in row.settings.items()}
    changed.setdefault("training", {})["seed"] = config.training.seed + seed_offset
    # What the tables show; baselines of graphs take longer than a model.
    changed.setdefault("evaluation", {}).update(
        baselines=["content"], hit_rate_at=sorted({*config.evaluation.hit_rate_at, *HIT_RATES_AT})
    )
    sections = {
        name: type(section).model_validate({**section.model_dump(), **changed.get(name, {})})
        for name, section in ((name, getattr(config, name)) for name in PinSageConfig.model_fields)
    }
    return Session(session.store, PinSageConfig(**sections))


def summarise(day: str, found: list[tuple[Row, int, Version, Version]]) -> dict[str, Any]:
    """Means and standard deviations over seeds of every row, beside the baselines, as a document."""
    first = found[0][3].json("metrics")
    content = {metric: first["methods"]["content"][metric] for metric in METRICS if "content" in first["methods"]}
    tables: dict[str, list[dict[str, Any]]] = {}
    for row in dict.fromkeys((row.table, row.name) for row, *_ in found):
        of_row = [each for each in found if (each[0].table, each[0].name) == row]
        measured = {
            metric: [evaluation.json("metrics")["methods"]["pinsage"][metric] for *_, evaluation in of_row]
            for metric in METRICS
        }
        seconds = [seconds_of(model) for _, _, model, _ in of_row]
        tables.setdefault(str(row[0]), []).append(
            {
                "name": row[1],
                "seeds": [seed for _, seed, _, _ in of_row],
                "models": [model.uri for _, _, model, _ in of_row],
                "mean": {metric: round(float(np.mean(values)), 6) for metric, values in measured.items()},
                "std": {metric: round(float(np.std(values)), 6) for metric, values in measured.items()},
                "training_seconds": None if None in seconds else round(float(np.mean(np.array(seconds, float))), 1),
            }
        )
    return {
        "day": day,
        "pool_size": first["pool_size"],
        "num_queries": first["num_queries"],
        "content": content,
        "tables": tables,
    }


def seconds_of(model: Version) -> float | None:
    """Seconds of a training; of one that was resumed its last process alone is known, which says little."""
    whole = len(model.measurements.get("epochs", [])) >= len(model.json("history")["tune"])
    return model.measurements.get("training_seconds") if whole else None


def _measured(session: Session, day: str, as_of: Prepared, trained_on: Prepared) -> tuple[Version, Version]:
    as_of, trained_on = _varied(session, as_of), _varied(session, trained_on)
    pairs = build_pairs(session, day, as_of, trained_on.graph)
    holdout_pairs = build_holdout_pairs(session, day, as_of)
    if holdout_pairs.facts["num_pairs"] == holdout_pairs.facts["num_unknown"]:
        raise ValueError(
            f"ablation {day}: no pair of items known as of {as_of.day} was held out to measure models on; choose a day "
            "with saves in the evaluation.holdout_days up to it"
        )
    hard_negatives = mine_hard_negatives(session, trained_on.graph, pairs)
    model = train_model(session, day, trained_on, pairs, hard_negatives)
    return model, evaluate_model(session, day, as_of, embed_day(session, as_of, model), pairs, holdout_pairs)


def _varied(session: Session, prepared: Prepared) -> Prepared:
    """The same graph with the features and neighborhoods that the session's settings make."""
    return replace(
        prepared,
        features=featurize_items(session, prepared.catalog, prepared.graph),
        neighborhoods=sample_neighborhoods(session, prepared.graph),
    )
