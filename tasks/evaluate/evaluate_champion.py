"""The stage that measures the champion on the challenger's pairs, so that a promotion compares like with like."""

from __future__ import annotations

from pinsage.store import Version
from tasks.embed.embed_day import embed_day
from tasks.evaluate.evaluate_model import evaluate_model
from tasks.prepare.prepared import Prepared, open_prepared
from tasks.runtime.session import Session


def rival(session: Session, evaluation: Version) -> Version | None:
    """The champion that an evaluated challenger must beat; None where nothing is left to measure.

    That is so without a champion, where the challenger is the champion, where the champion is of a later day, and where
    the evaluation has too few queries to decide.
    """
    champion = session.store.referenced("champion")
    challenger = session.store.input_of(evaluation, "model")
    if champion is None or champion.uri == challenger.uri or champion.partition > challenger.partition:
        return None
    return champion if evaluation.json("metrics")["num_queries"] >= session.config.promotion.min_queries else None


def evaluate_champion(session: Session, evaluation: Version, embeddings: Version) -> Version:
    """Measure the champion as `evaluate_model` measured the challenger.

    Args:
        session: Store and configuration (``evaluation``).
        evaluation: Of the challenger; its pairs are ranked.
        embeddings: Of the same as-of day, by the champion.

    Returns:
        The committed version of ``evaluation`` of the champion.
    """
    pairs, holdout_pairs = (session.store.input_of(evaluation, name) for name in ("pairs", "holdout_pairs"))
    as_of = _as_of(session, evaluation)
    return evaluate_model(session, evaluation.partition, as_of, embeddings, pairs, holdout_pairs)


def measure_rival(session: Session, evaluation: Version) -> Version | None:
    """Embed the `rival` and evaluate it, one stage after the other; None where there is nothing to measure."""
    champion = rival(session, evaluation)
    if champion is None:
        return None
    embeddings = embed_day(session, _as_of(session, evaluation), champion)
    return evaluate_champion(session, evaluation, embeddings)


def _as_of(session: Session, evaluation: Version) -> Prepared:
    return open_prepared(session, str(evaluation.json("metrics")["as_of_day"]))
