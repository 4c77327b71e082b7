"""The stage that measures a model on pairs it has not seen, beside every baseline (section 4.2)."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from typing import Any

import numpy as np
import structlog

from pinsage.arrays.unit_rows import unit_rows
from pinsage.evaluation.bootstrap import Resamples
from pinsage.evaluation.config import EvaluationConfig
from pinsage.evaluation.content import content_ranks
from pinsage.evaluation.hit_rate import hit_rate, hits
from pinsage.evaluation.item_knn import item_knn_ranks
from pinsage.evaluation.matrix_factorisation import matrix_factorisation_ranks
from pinsage.evaluation.pagerank import pagerank_ranks
from pinsage.evaluation.popularity import popularity_ranks
from pinsage.evaluation.random_walk import random_walk_ranks
from pinsage.evaluation.ranking import rank_by_vectors
from pinsage.evaluation.reciprocal_rank import mean_reciprocal_rank, reciprocal_ranks
from pinsage.evaluation.similarity_spread import similarity_spread
from pinsage.evaluation.slices import Slice, cold_slice, few_saves_slice
from pinsage.features.blocks import content_width
from pinsage.store import Version, Writer
from tasks.prepare.prepared import Prepared
from tasks.prepare.sample_neighborhoods import open_graph
from tasks.runtime.committing import commit_stage
from tasks.runtime.session import Session
from tasks.runtime.stages import EVALUATE_MODEL

log = structlog.get_logger()


def evaluate_model(
    session: Session,
    day: str,
    as_of: Prepared,
    embeddings: Version,
    pairs: Version,
    holdout_pairs: Version,
) -> Version:
    """Rank the held-out pairs in the whole catalogue by the model and by every baseline.

    Args:
        session: Store and configuration (``evaluation``).
        day: The day that the model is for.
        as_of: What is prepared as of the as-of day; all methods see nothing later.
        embeddings: The as-of day's, by the model to measure.
        pairs: The pairs trained on, an input for the record.
        holdout_pairs: Pairs of the days after the as-of day.

    Returns:
        The committed version of ``evaluation``: json ``metrics``.
    """
    config = session.config.evaluation.measurable
    model = session.store.input_of(embeddings, "model")
    inputs = [model, embeddings, as_of.graph, as_of.features, as_of.neighborhoods, pairs, holdout_pairs]

    def write(out: Writer) -> None:
        queries, positives, boards = sampled_pairs(holdout_pairs, config)
        graph = open_graph(as_of.graph)
        degrees = graph.item_degrees()
        ranks: dict[str, np.ndarray] = {"pinsage": model_ranks(embeddings, queries, positives)}
        for name in config.baselines:
            log.info("evaluate_model", baseline=name)
            ranks[name] = _baselines(as_of, config, queries, positives)[name]()
        known = (queries >= 0) & (positives >= 0)
        targets = degrees[positives[known]]
        slices = {
            "few_saves": few_saves_slice(targets, config.few_saves_share),
            "few_saves_queries": few_saves_slice(degrees[queries[known]], config.few_saves_share),
            "cold": cold_slice(targets),
        }
        metrics = {
            "pool_size": graph.num_items,
            "num_queries": int(known.sum()),
            "num_unknown": int((~known).sum()),
            "as_of_day": as_of.day,
            "reciprocal_scale": config.reciprocal_scale,
            "absent_baselines": session.config.evaluation.absent_baselines,
            "methods": _measures(ranks, boards, np.ones(len(queries), dtype=bool), config),
            "slices": {name: _measured_slice(each, known, ranks, boards, config) for name, each in slices.items()},
            "without_popularity": _without_popularity(embeddings, queries, positives, boards, slices, known, config),
            "similarity_spread": {
                "pinsage": _spread(_content_part(embeddings), config),
                "content": _spread(content_of(as_of.features), config),
            },
        }
        out.write_json("metrics", metrics)
        out.facts.update(model=model.uri, num_queries=metrics["num_queries"])

    return commit_stage(session, EVALUATE_MODEL, day, inputs, write)


def sampled_pairs(holdout_pairs: Version, config: EvaluationConfig) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """At most ``max_queries`` pairs, drawn by the seed: query rows, rows of the positives, boards."""
    pairs, boards = np.asarray(holdout_pairs.array("pairs")), np.asarray(holdout_pairs.array("boards"))
    if len(pairs) > config.max_queries:
        chosen = np.sort(np.random.default_rng(config.seed).permutation(len(pairs))[: config.max_queries])
        pairs, boards = pairs[chosen], boards[chosen]
    return pairs[:, 0].astype(np.int64), pairs[:, 1].astype(np.int64), boards


def model_ranks(embeddings: Version, queries: np.ndarray, positives: np.ndarray) -> np.ndarray:
    """Exact ranks by the model's score."""
    vectors = np.asarray(embeddings.array("embeddings"))
    popularity = bool(embeddings.facts["popularity_dim"])
    return rank_by_vectors(vectors, vectors, queries, positives, popularity=popularity, threads=os.cpu_count() or 1)


def content_of(features: Version) -> np.ndarray:
    """The feature columns that are the item's own: all but the log degree."""
    return np.asarray(features.array("features"))[:, : content_width(features.json("columns"))]


def _baselines(
    as_of: Prepared, config: EvaluationConfig, queries: np.ndarray, positives: np.ndarray
) -> dict[str, Callable[[], np.ndarray]]:
    graph, threads = open_graph(as_of.graph), os.cpu_count() or 1
    walks = as_of.neighborhoods
    return {
        "popularity": lambda: popularity_ranks(graph.item_degrees(), queries, positives),
        "content": lambda: content_ranks(content_of(as_of.features), queries, positives, threads=threads),
        "item_knn": lambda: item_knn_ranks(
            graph.item_offsets, graph.item_boards, graph.num_boards, queries, positives, threads=threads
        ),
        "random_walk": lambda: random_walk_ranks(
            walks.array("neighbors"), walks.array("importances"), queries, positives
        ),
        "pagerank": lambda: pagerank_ranks(
            graph,
            queries,
            positives,
            iterations=config.pagerank_iterations,
            restart=config.pagerank_restart,
            threads=threads,
        ),
        "matrix_factorisation": lambda: matrix_factorisation_ranks(
            graph,
            queries,
            positives,
            factors=config.factors,
            iterations=config.factor_iterations,
            seed=config.seed,
            threads=threads,
        ),
    }


def _measures(
    ranks: dict[str, np.ndarray], boards: np.ndarray, members: np.ndarray, config: EvaluationConfig
) -> dict[str, dict[str, Any]]:
    resamples = Resamples(boards[members].astype(np.int64), num_samples=config.bootstrap_samples, seed=config.seed)
    measured = {}
    for name, every in ranks.items():
        chosen = every[members]
        values = {f"hit_rate@{k}": (hit_rate(chosen, k), hits(chosen, k)) for k in config.hit_rate_at}
        for metric, scale in (("mrr_scaled", config.reciprocal_scale), ("mrr", 1)):
            values[metric] = (mean_reciprocal_rank(chosen, scale), reciprocal_ranks(chosen, scale))
        measured[name] = {
            **{metric: _or_none(mean) for metric, (mean, _) in values.items()},
            "interval": {
                metric: [_or_none(bound) for bound in resamples.interval(each, config.interval_level)]
                for metric, (_, each) in values.items()
            },
        }
    return measured


def _measured_slice(
    part: Slice, known: np.ndarray, ranks: dict[str, np.ndarray], boards: np.ndarray, config: EvaluationConfig
) -> dict[str, Any]:
    members = np.zeros(len(known), dtype=bool)
    members[known] = part.members
    return {
        "max_saves": part.max_saves,
        "num_queries": int(members.sum()),
        "methods": _measures(ranks, boards, members, config),
    }


def _without_popularity(
    embeddings: Version,
    queries: np.ndarray,
    positives: np.ndarray,
    boards: np.ndarray,
    slices: dict[str, Slice],
    known: np.ndarray,
    config: EvaluationConfig,
) -> dict[str, dict[str, Any]]:
    """Measures by cosine alone, as `Recommender.similar` ranks by default: of all pairs and of each slice."""
    vectors = _content_part(embeddings)
    ranks = {"pinsage": rank_by_vectors(vectors, vectors, queries, positives, threads=os.cpu_count() or 1)}
    every = {"all": _measures(ranks, boards, np.ones(len(queries), dtype=bool), config)}
    of_slices = {name: _measured_slice(each, known, ranks, boards, config)["methods"] for name, each in slices.items()}
    return {name: methods["pinsage"] for name, methods in {**every, **of_slices}.items()}


def _content_part(embeddings: Version) -> np.ndarray:
    vectors = np.asarray(embeddings.array("embeddings"))
    return vectors[:, :-1] if embeddings.facts["popularity_dim"] else vectors


def _spread(vectors: np.ndarray, config: EvaluationConfig) -> dict[str, float | None]:
    spread = similarity_spread(unit_rows(vectors), num_samples=config.similarity_samples, seed=config.seed)
    return {name: _or_none(value) for name, value in spread.items()}


def _or_none(value: float) -> float | None:
    return None if math.isnan(value) else round(float(value), 6)
