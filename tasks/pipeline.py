"""Whole days without Airflow: the same stages in the same order, with the same versions as the DAGs make."""

from __future__ import annotations

from dataclasses import dataclass

from pinsage.store import Version
from tasks.build_catalog import build_catalog
from tasks.build_graph import build_graph
from tasks.build_index import build_index
from tasks.build_pairs import build_holdout_pairs, build_pairs
from tasks.days import check_day
from tasks.embed_items import embed_items
from tasks.evaluate_model import evaluate_model
from tasks.featurize_items import featurize_items
from tasks.mine_hard_negatives import mine_hard_negatives
from tasks.prepared import Prepared, as_of_day, days_to_validate, open_prepared, record_prepared
from tasks.promote_model import Promotion, promote_model
from tasks.publish_index import Publication, publish_index
from tasks.sample_neighborhoods import sample_neighborhoods
from tasks.session import Session
from tasks.train_model import train_model
from tasks.validate import validate_days
from tasks.write_report import write_report


class NoChampionError(LookupError):
    """A publication was asked for although no model was ever promoted."""


@dataclass(frozen=True)
class Trained:
    """What the training of a day made."""

    model: Version
    evaluation: Version
    promotion: Promotion


@dataclass(frozen=True)
class Published:
    """What the publication of a day made."""

    index: Version
    publication: Publication
    report: Version


def prepare(session: Session, day: str) -> Prepared:
    """Validate what is new, then build graph, features and neighborhoods of ``day``."""
    for group in days_to_validate(session, check_day(day)):
        validate_days(session, group)
    catalog = build_catalog(session, day)
    graph = build_graph(session, catalog)
    features = featurize_items(session, catalog, graph)
    neighborhoods = sample_neighborhoods(session, graph)
    record_prepared(session, day, catalog, graph, features, neighborhoods)
    return Prepared(day, catalog, graph, features, neighborhoods)


def train(session: Session, day: str) -> Trained:
    """Train a challenger for ``day``, evaluate it on the days after its as-of day, promote it if it is better.

    Raises:
        NotPreparedError: The as-of day is not prepared.
    """
    as_of = open_prepared(session, as_of_day(session, day))
    pairs = build_pairs(session, day, as_of)
    holdout_pairs = build_holdout_pairs(session, day, as_of)
    hard_negatives = mine_hard_negatives(session, as_of.graph, pairs)
    model = train_model(session, day, as_of, pairs, hard_negatives)
    evaluation = evaluate_model(session, day, as_of, model, pairs, holdout_pairs)
    return Trained(model, evaluation, promote_model(session, evaluation))


def publish(session: Session, day: str, *, force: bool = False) -> Published:
    """Embed the items of ``day`` with the champion, index them, publish the index if it passes its gate, report.

    Raises:
        NotPreparedError: The day is not prepared.
        NoChampionError: No model was promoted yet.
    """
    prepared = open_prepared(session, day)
    champion = session.store.referenced("champion")
    if champion is None:
        raise NoChampionError(
            f"day {day}: there is no champion to embed with; run `pinsage run train --day {day}` first"
        )
    index = build_index(session, embed_items(session, prepared, champion))
    publication = publish_index(session, index, force=force)
    return Published(index, publication, write_report(session, day, index, evaluation_of(session, champion)))


def run_all(session: Session, day: str) -> Published:
    """Everything for ``day``: its as-of day and itself prepared, a model trained, the index published."""
    prepare(session, as_of_day(session, day))
    prepare(session, day)
    train(session, day)
    return publish(session, day)


def evaluation_of(session: Session, model: Version) -> Version | None:
    """The evaluation that was made of ``model``, or None."""
    for version in session.store.versions("evaluation", model.partition):
        if any(used.uri == model.uri for used in version.inputs):
            return version
    return None
