"""Whole days without Airflow: the same stages in the same order, with the same versions as the DAGs make.

Each function does its stages one by one as its steps are taken: stopping early leaves whole versions behind.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice

import structlog

from pinsage.store import Version
from pinsage.store.names import split_uri
from tasks.data.validate import validate_days
from tasks.data.validation.data_docs import data_docs_catalog, write_data_docs
from tasks.embed.embed_day import embed_day
from tasks.embed.embed_items import embed_items
from tasks.embed.encode_for_model import encode_for_model
from tasks.embed.fill_neighborhoods import fill_neighborhoods
from tasks.embed.sources import EmbeddingSources
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
from tasks.runtime import stages
from tasks.runtime.days import check_day
from tasks.runtime.session import Session
from tasks.runtime.stages import Phase, Stage, stages_of
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


def prepare(session: Session, day: str) -> Steps:
    """Validate what is new, then build graph, features and neighborhoods of ``day``."""
    groups = days_to_validate(session, check_day(day))
    committed = _committed_before(session, "prepare", day)
    for group in groups:
        validate_days(session, group)
    yield Step(stages.VALIDATE.name, day, f"newly judged days: {sum(map(len, groups))}")
    catalog = build_catalog(session, day)
    yield committed.step(stages.BUILD_CATALOG, catalog)
    graph = build_graph(session, catalog)
    yield committed.step(stages.BUILD_GRAPH, graph)
    features = featurize_items(session, catalog, graph)
    yield committed.step(stages.FEATURIZE_ITEMS, features)
    neighborhoods = sample_neighborhoods(session, graph)
    yield committed.step(stages.SAMPLE_NEIGHBORHOODS, neighborhoods)
    prepared = record_prepared(session, day, catalog, graph, features, neighborhoods)
    yield committed.step(stages.RECORD_PREPARED, prepared)
    new = data_docs_catalog(session, day) != catalog.uri
    if new:
        write_data_docs(session, day, catalog)
    yield Step(stages.DATA_DOCS.name, day, f"{session.store.root}/_site/data_docs/{day}/index.html", new=new)


def train(session: Session, day: str) -> Steps:
    """Train a challenger for ``day``, evaluate it on the days after its as-of day, promote it if it is better.

    Raises:
        NotPreparedError: The as-of day, or the day of the graph that is trained on, is not prepared.
    """
    as_of = open_prepared(session, as_of_day(session, day))
    trained_on = open_prepared(session, graph_day(session, as_of.day))
    committed = _committed_before(session, "train", day, as_of.day)
    pairs = build_pairs(session, day, as_of, trained_on.graph)
    yield committed.step(stages.BUILD_PAIRS, pairs)
    holdout_pairs = build_holdout_pairs(session, day, as_of)
    yield committed.step(stages.BUILD_HOLDOUT_PAIRS, holdout_pairs)
    hard_negatives = mine_hard_negatives(session, trained_on.graph, pairs)
    yield committed.step(stages.MINE_HARD_NEGATIVES, hard_negatives)
    model = train_model(session, day, trained_on, pairs, hard_negatives)
    yield committed.step(stages.TRAIN_MODEL, model)
    embeddings = embed_day(session, as_of, model)
    yield replace(committed.step(stages.EMBED_AS_OF, embeddings), day=as_of.day)
    evaluation = evaluate_model(session, day, as_of, embeddings, pairs, holdout_pairs)
    yield committed.step(stages.EVALUATE_MODEL, evaluation)
    measured = measure_rival(session, evaluation)
    yield committed.step(stages.EVALUATE_CHAMPION, measured, otherwise="no champion to compare with")
    promotion = promote_model(session, evaluation, measured)
    in_force = _points_to(session, "champion", promotion.model)
    yield Step(stages.PROMOTE_MODEL.name, day, promotion.reason, in_force=in_force)


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
    committed = _committed_before(session, "publish", day)
    features = encode_for_model(session, prepared, champion)
    yield committed.step(stages.ENCODE_FOR_MODEL, features)
    neighborhoods = fill_neighborhoods(session, features, prepared.neighborhoods)
    yield committed.step(stages.FILL_NEIGHBORHOODS, neighborhoods)
    embeddings = embed_items(EmbeddingSources.of(session, prepared, champion, features, neighborhoods))
    yield committed.step(stages.EMBED_ITEMS, embeddings)
    index = build_index(session, embeddings)
    yield committed.step(stages.BUILD_INDEX, index)
    publication = publish_index(session, index, force=force)
    in_force = _points_to(session, "published", publication.index)
    yield Step(stages.PUBLISH_INDEX.name, day, publication.reason, in_force=in_force)
    evaluation = evaluation_of(session, champion)
    effect = None if evaluation is None else effect_of_pruning(session, evaluation)
    yield committed.step(stages.MEASURE_PRUNING, effect, otherwise="the graph is not pruned")
    report = write_report(session, day, index, evaluation, effect)
    yield committed.step(stages.WRITE_REPORT, report)


def run_all(session: Session, day: str, *, force: bool = False) -> Steps:
    """Everything for ``day``: the days prepared that it takes, a model trained, the index published.

    Raises:
        NoChampionError: The first model of all was not promoted.
    """
    for needed in days_to_prepare(session, check_day(day)):
        yield from prepare(session, needed)
    trained = []
    for step in train(session, day):
        trained.append(step)
        yield step
    if session.store.ref("champion").head() is None:
        raise NoChampionError(f"day {day}: no model was promoted, so nothing is published; {trained[-1].made}")
    yield from publish(session, day, force=force)


def stage_names(phase: Phase) -> tuple[str, ...]:
    """The stages of a phase by name, one for each step of it."""
    return tuple(stage.name for stage in stages_of(phase))


def steps_of(session: Session, name: str, day: str, *, force: bool = False) -> tuple[Steps, tuple[str, ...]]:
    """The steps of ``prepare``, ``train``, ``publish`` or ``all``; or of one stage, after those that it stands on.

    Returns:
        The steps, each done when it is taken, and the names of their stages in order.

    Raises:
        ValueError: There is no such name; the message lists the names.
    """
    if name == "all":
        num_days = len(days_to_prepare(session, check_day(day)))
        every_step = [*(num_days * stage_names("prepare")), *stage_names("train"), *stage_names("publish")]
        return run_all(session, day, force=force), tuple(every_step)
    # A generator starts with its first step: the two that are not taken do nothing.
    phases: dict[Phase, Steps] = {
        "prepare": prepare(session, day),
        "train": train(session, day),
        "publish": publish(session, day, force=force),
    }
    for phase, steps in phases.items():
        names = stage_names(phase)
        if name == phase:
            return steps, names
        if name in names:
            wanted = names[: names.index(name) + 1]
            return islice(steps, len(wanted)), wanted
    every_name = ", ".join(stage for phase in phases for stage in stage_names(phase))
    raise ValueError(f"stage {name!r}: expected all, prepare, train, publish, or one of {every_name}")


def evaluation_of(session: Session, model: Version) -> Version | None:
    """The evaluation that made ``model`` the champion, or None where ``champion`` names none that is there."""
    for entry in reversed(session.store.ref("champion").history()):
        if entry.uri == model.uri and "evaluation" in entry.details:
            evaluation = session.store.find(*split_uri(entry.details["evaluation"]))
            if evaluation is not None:
                return evaluation
            log.warning("the evaluation of the champion is not in the store", evaluation=entry.details["evaluation"])
    return None


@dataclass(frozen=True)
class _Committed:
    """What was committed before a phase began: what a stage returns beyond that is new."""

    day: str
    uris: frozenset[str]

    def step(self, stage: Stage, version: Version | None, *, otherwise: str = "") -> Step:
        """The step of a stage from its version; ``otherwise`` says why there is none."""
        if version is None:
            return Step(stage.name, self.day, otherwise)
        # A stage with nothing to do returns a version that it read.
        new = version.dataset == stage.dataset and version.uri not in self.uris
        return Step(stage.name, self.day, version.uri, new=new)


def _committed_before(session: Session, phase: Phase, day: str, *read_days: str) -> _Committed:
    datasets = {stage.dataset for stage in stages_of(phase)} - {"", stages.VALIDATE.dataset}
    uris = (
        f"{dataset}/{known}/{fingerprint}"
        for dataset in datasets
        for known in (day, *read_days)
        for fingerprint in session.store.fingerprints(dataset, known)
    )
    return _Committed(day, frozenset(uris))


def _points_to(session: Session, name: str, uri: str) -> bool:
    head = session.store.ref(name).head()
    return head is not None and head.uri == uri
