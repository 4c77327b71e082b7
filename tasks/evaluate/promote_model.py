"""The stage that makes a challenger the champion if it is better on the same pairs; only it moves ``champion``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import structlog

from pinsage.store import ReferenceMovedError, Version
from tasks.evaluate.evaluate_model import evaluate_model
from tasks.prepare.prepared import open_prepared
from tasks.runtime.session import Session

log = structlog.get_logger()


@dataclass(frozen=True)
class Promotion:
    """The decision: whether ``model`` becomes the champion, and why."""

    promoted: bool
    reason: str
    model: str


def promote_model(session: Session, evaluation: Version) -> Promotion:
    """Make the evaluated challenger the champion if `decide_promotion` says so, again where another one comes first."""
    champions = session.store.ref("champion")
    head = champions.head()
    decision = decide_promotion(session, evaluation)
    if decision.promoted:
        details = {"reason": decision.reason, "evaluation": evaluation.uri}
        try:
            champions.append(decision.model, after=0 if head is None else head.number, details=details)
        except ReferenceMovedError:
            return promote_model(session, evaluation)
    log.info("promote_model", promoted=decision.promoted, reason=decision.reason, model=decision.model)
    return decision


def decide_promotion(session: Session, evaluation: Version) -> Promotion:
    """Hold the evaluated challenger against the champion, measured on the challenger's pairs; nothing moves.

    A challenger for an earlier day than the champion's never replaces it: a backfill does not turn back the clock.

    Args:
        session: Store and configuration (``promotion``).
        evaluation: Of the challenger.
    """
    store, config = session.store, session.config.promotion
    challenger = store.input_of(evaluation, "model")
    head = store.ref("champion").head()
    if head is not None and head.uri == challenger.uri:
        return Promotion(False, "is the champion already", challenger.uri)
    metrics = evaluation.json("metrics")
    if head is None:
        return Promotion(*first_model(metrics, config.metric, config.first_model_content_factor), challenger.uri)
    champion = store.version(head.uri)
    if champion.partition > challenger.partition:
        return Promotion(False, f"the champion is of {champion.partition}, a later day", challenger.uri)
    if metrics["num_queries"] < config.min_queries:
        reason = f"{metrics['num_queries']} queries are too few to decide, expected {config.min_queries}"
        return Promotion(False, reason, challenger.uri)
    as_of = open_prepared(session, str(metrics["as_of_day"]))
    pairs, holdout_pairs = store.input_of(evaluation, "pairs"), store.input_of(evaluation, "holdout_pairs")
    champion_evaluation = evaluate_model(session, evaluation.partition, as_of, champion, pairs, holdout_pairs)
    return Promotion(*better(metrics, champion_evaluation.json("metrics"), session), challenger.uri)


def first_model(metrics: dict[str, Any], metric: str, factor: float) -> tuple[bool, str]:
    """Whether the first model of a store is good enough, and why."""
    got = metrics["methods"]["pinsage"][metric]
    content = metrics["methods"].get("content", {}).get(metric)
    if factor == 0:
        return True, f"the first model{', of unknown quality: no held-out pair measures it' if got is None else ''}"
    if got is None:
        return False, (
            f"the first model was not measured: no pair of known items is held out, neither of the days after "
            f"{metrics['as_of_day']} nor of untimed boards; choose a day before which boards were filled, hold out "
            "more days (evaluation.holdout_days), or let any first model pass (promotion.first_model_content_factor=0)"
        )
    if content is None:
        return True, "the first model"
    shown = f"{metric} {got:.4f}, content {content:.4f}, expected at least {factor:g} times content"
    if got == content == 1:
        shown += f", but {metric} tells nothing among {metrics['pool_size']:,} items; set promotion.metric=mrr"
    return got >= factor * content, f"the first model: {shown}"


def better(challenger: dict[str, Any], champion: dict[str, Any], session: Session) -> tuple[bool, str]:
    """Whether a challenger's metrics beat the champion's on the same pairs, and why (`PromotionConfig`)."""
    config = session.config.promotion
    got, held = (each["methods"]["pinsage"][config.metric] or 0.0 for each in (challenger, champion))
    shown = f"{config.metric} {got:.4f}, champion {held:.4f} on the same pairs"
    if got == held == 1:
        return False, (
            f"{shown}: both find everything, {config.metric} tells nothing among {challenger['pool_size']:,} items; "
            "set promotion.metric=mrr"
        )
    if got < held * (1 + config.min_gain) or got == held:
        return False, f"{shown}: no gain above {config.min_gain:g}"
    few, few_held = (
        each["slices"]["few_saves"]["methods"]["pinsage"][config.metric] or 0.0 for each in (challenger, champion)
    )
    if few < few_held * (1 - config.max_slice_loss):
        return False, f"{shown}, but {few:.4f} against {few_held:.4f} where targets have few saves"
    return True, shown
