"""The stage that makes a challenger the champion if it is better on the same pairs; only it moves ``champion``."""

from __future__ import annotations

from dataclasses import dataclass

import structlog

from pinsage.evaluation.promotion import decide_promotion
from pinsage.store import ReferenceMovedError, Version
from tasks.runtime.session import Session

log = structlog.get_logger()


@dataclass(frozen=True)
class Promotion:
    """The decision: whether ``model`` becomes the champion, and why."""

    promoted: bool
    reason: str
    model: str


def promote_model(session: Session, evaluation: Version, champion_evaluation: Version | None) -> Promotion:
    """Make the evaluated challenger the champion if `judge` says so.

    Args:
        session: Store and configuration (``promotion``).
        evaluation: Of the challenger.
        champion_evaluation: Of the champion on the same pairs; None where `tasks.evaluate.evaluate_champion.rival`
            names no champion to measure.

    Raises:
        ReferenceMovedError: Another model became the champion meanwhile; measure that one and decide again.
    """
    champions = session.store.ref("champion")
    head = champions.head()
    promotion = judge(session, evaluation, champion_evaluation)
    if promotion.promoted:
        details = {"reason": promotion.reason, "evaluation": evaluation.uri}
        champions.append(promotion.model, after=0 if head is None else head.number, details=details)
    log.info("promote_model", promoted=promotion.promoted, reason=promotion.reason, model=promotion.model)
    return promotion


def judge(session: Session, evaluation: Version, champion_evaluation: Version | None) -> Promotion:
    """Decide what `promote_model` would do; nothing moves, and no model is opened.

    A challenger for an earlier day than the champion's never replaces it: a backfill does not turn back the clock.

    Args:
        session: As for `promote_model`.
        evaluation: As for `promote_model`.
        champion_evaluation: As for `promote_model`.

    Raises:
        ReferenceMovedError: The champion is not the one that was measured.
    """
    challenger = session.store.input_of(evaluation, "model")
    champion = session.store.referenced("champion")
    if champion is not None and champion.uri == challenger.uri:
        return Promotion(False, "is the champion already", challenger.uri)
    if champion is not None and champion.partition > challenger.partition:
        return Promotion(False, f"the champion is of {champion.partition}, a later day", challenger.uri)
    metrics, config = evaluation.json("metrics"), session.config.promotion
    if champion is None:
        return Promotion(*decide_promotion(metrics, None, config), challenger.uri)
    if metrics["num_queries"] < config.min_queries:
        reason = f"{metrics['num_queries']} queries are too few to decide, expected {config.min_queries}"
        return Promotion(False, reason, challenger.uri)
    measured = None if champion_evaluation is None else session.store.input_of(champion_evaluation, "model").uri
    if champion_evaluation is None or measured != champion.uri:
        raise ReferenceMovedError(
            f"the champion is {champion.uri} by now, but {measured or 'no champion'} was measured; "
            "run evaluate_champion and promote_model again"
        )
    return Promotion(*decide_promotion(metrics, champion_evaluation.json("metrics"), config), challenger.uri)
