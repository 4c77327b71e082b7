"""Whole days without Airflow: the same stages in the same order, with the same versions as the DAGs make.

Each function does its stages one by one as its steps are taken: stopping early leaves whole versions behind.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice

import structlog

from pinsage.store import Version
from pinsage.store.names import split_uri
from tasks.data.validate import validate_days
from tasks.embed.embed_day import embed_day
from tasks.evaluate.evaluate_champion import measure_rival
from tasks.evaluate.evaluate_model import evaluate_model
from tasks.evaluate.measure_pruning import effect_of_pruning
from tasks.evaluate.promote_model import promote_model
from tasks.prepare.build_catalog import build_catalog
from tasks.prepare.build_graph import build_graph
from tasks.prepare.featurize_items import featurize_items
from tasks.prepare.prepared import (
    as_of_day,
    days_to_prepare,
    days_to_validate,
    graph_day,
    open_prepared,
    record_prepared,
)
from tasks.prepare.sample_neighborhoods import sample_neighborhoods
from tasks.publish.build_index import build_index
from tasks.publish.publish_index import publish_index
from tasks.publish.write_report import write_report
from tasks.runtime.days import check_day
from tasks.runtime.session import Session
from tasks.train.build_pairs import build_holdout_pairs, build_pairs
from tasks.train.mine_hard_negatives import mine_hard_negatives
from tasks.train.train_model import train_model

log = structlog.get_logger()


class NoChampionError(LookupError):
    """A publication was asked for although no model was ever promoted."""


@dataclass(frozen=True)
class Step:
    """A stage that ended.

    Attributes:
        stage: Its name.
        day: The day it worked for.
        made: A version's URI, or a decision in words.
        new: Whether the version was committed by this run or found; None where ``made`` is no version.
        in_force: Of ``promote_model`` and ``publish_index``: whether the champion, or what is published, is now of this
            run; None for other stages.
    """

    stage: str
    day: str
    made: str
    new: bool | None = None
    in_force: bool | None = None


Steps = Iterator[Step]

PREPARE = ("validate", "build_catalog", "build_graph", "featurize_items", "sample_neighborhoods", "record_prepared")
TRAIN = (
    "build_pairs",
    "build_holdout_pairs",
    "mine_hard_negatives",
    "train_model",
    "evaluate_model",
    "promote_model",
)
PUBLISH = ("embed_items", "build_index", "publish_index", "write_report")
# What the stages that commit a version of their own day commit, in order.
PREPARED_DATASETS = ("catalog", "graph", "features", "neighborhoods", "prepared")
TRAINED_DATASETS = ("pairs", "holdout_pairs", "hard_negatives", "model", "evaluation")
PUBLISHED_DATASETS = ("embeddings", "index", "report")


def prepare(session: Session, day: str) -> Steps:
    """Validate what is new, then build graph, features and neighborhoods of ``day``."""
    groups = days_to_validate(session, check_day(day))
    made = _step_maker(session, day, PREPARED_DATASETS)
    for group in groups:
        validate_days(session, group)
    yield Step("validate", day, f"newly judged days: {sum(map(len, groups))}")
    catalog = build_catalog(session, day)
    yield made("build_catalog", catalog)
    graph = build_graph(session, catalog)
    yield made("build_graph", graph)
    features = featurize_items(session, catalog, graph)
    yield made("featurize_items", features)
    neighborhoods = sample_neighborhoods(session, graph)
    yield made("sample_neighborhoods", neighborhoods)
    prepared = record_prepared(session, day, catalog, graph, features, neighborhoods)
    yield made("record_prepared", prepared)


def train(session: Session, day: str) -> Steps:
    """Train a challenger for ``day``, evaluate it on the days after its as-of day, promote it if it is better.

    Raises:
        NotPreparedError: The as-of day, or the day of the graph that is trained on, is not prepared.
    """
    as_of = open_prepared(session, as_of_day(session, day))
    trained_on = open_prepared(session, graph_day(session, as_of.day))
    made = _step_maker(session, day, TRAINED_DATASETS)
    pairs = build_pairs(session, day, as_of, trained_on.graph)
    yield made("build_pairs", pairs)
    holdout_pairs = build_holdout_pairs(session, day, as_of)
    yield made("build_holdout_pairs", holdout_pairs)
    hard_negatives = mine_hard_negatives(session, trained_on.graph, pairs)
    yield made("mine_hard_negatives", hard_negatives)
    model = train_model(session, day, trained_on, pairs, hard_negatives)
    yield made("train_model", model)
    embeddings = embed_day(session, as_of, model)
    evaluation = evaluate_model(session, day, as_of, embeddings, pairs, holdout_pairs)
    yield made("evaluate_model", evaluation)
    decision = promote_model(session, evaluation, measure_rival(session, evaluation))
    yield Step("promote_model", day, decision.reason, in_force=_points_to(session, "champion", decision.model))


def publish(session: Session, day: str, *, force: bool = False) -> Steps:
    """Embed the items of ``day`` with the champion, index them, publish the index if it passes its gate, report.

    Raises:
        NotPreparedError: The day is not prepared.
        NoChampionError: No model was promoted yet.
    """
    prepared = open_prepared(session, day)
    champion = session.store.referenced("champion")
    if champion is None:
        raise NoChampionError(
            f"day {day}: there is no champion to embed with; `pinsage run train --day {day}` trains one, and says why "
            "where it is not promoted"
        )
    made = _step_maker(session, day, PUBLISHED_DATASETS)
    embeddings = embed_day(session, prepared, champion)
    yield made("embed_items", embeddings)
    index = build_index(session, embeddings)
    yield made("build_index", index)
    publication = publish_index(session, index, force=force)
    in_force = _points_to(session, "published", publication.index)
    yield Step("publish_index", day, publication.reason, in_force=in_force)
    evaluation = evaluation_of(session, champion)
    effect = None if evaluation is None else effect_of_pruning(session, evaluation)
    yield made("write_report", write_report(session, day, index, evaluation, effect))


def run_all(session: Session, day: str, *, force: bool = False) -> Steps:
    """Everything for ``day``: the days prepared that it takes, a model trained, the index published.

    Raises:
        NoChampionError: The first model of all was not promoted.
    """
    for each in days_to_prepare(session, check_day(day)):
        yield from prepare(session, each)
    trained = []
    for step in train(session, day):
        trained.append(step)
        yield step
    if session.store.ref("champion").head() is None:
        raise NoChampionError(f"day {day}: no model was promoted, so nothing is published; {trained[-1].made}")
    yield from publish(session, day, force=force)


def steps_of(session: Session, name: str, day: str, *, force: bool = False) -> tuple[Steps, tuple[str, ...]]:
    """The steps of ``prepare``, ``train``, ``publish`` or ``all``; or of one stage, after those that it stands on.

    Returns:
        The steps, each done when it is taken, and the names of their stages in order.

    Raises:
        ValueError: There is no such name; the message lists the names.
    """
    if name == "all":
        num_days = len(days_to_prepare(session, check_day(day)))
        return run_all(session, day, force=force), num_days * PREPARE + TRAIN + PUBLISH
    # A generator starts with its first step: the two that are not taken do nothing.
    for phase, stages, steps in (
        ("prepare", PREPARE, prepare(session, day)),
        ("train", TRAIN, train(session, day)),
        ("publish", PUBLISH, publish(session, day, force=force)),
    ):
        if name == phase:
            return steps, stages
        if name in stages:
            wanted = stages[: stages.index(name) + 1]
            return islice(steps, len(wanted)), wanted
    raise ValueError(
        f"stage {name!r}: expected all, prepare, train, publish, or one of {', '.join(PREPARE + TRAIN + PUBLISH)}"
    )


def evaluation_of(session: Session, model: Version) -> Version | None:
    """The evaluation that made ``model`` the champion, or None where ``champion`` names none that is there."""
    for entry in reversed(session.store.ref("champion").history()):
        if entry.uri == model.uri and "evaluation" in entry.details:
            evaluation = session.store.find(*split_uri(entry.details["evaluation"]))
            if evaluation is not None:
                return evaluation
            log.warning("the evaluation of the champion is not in the store", evaluation=entry.details["evaluation"])
    return None


def _step_maker(session: Session, day: str, datasets: tuple[str, ...]) -> Callable[[str, Version], Step]:
    """What makes the step of a stage from its version; versions that are there by now are not new."""
    there = {f"{name}/{day}/{each}" for name in datasets for each in session.store.fingerprints(name, day)}
    return lambda stage, version: Step(stage, day, version.uri, new=version.uri not in there)


def _points_to(session: Session, name: str, uri: str) -> bool:
    head = session.store.ref(name).head()
    return head is not None and head.uri == uri
