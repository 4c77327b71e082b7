"""The stage that measures what pruning the graph took and gave: the same pairs, walked on it and on the whole graph."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from typing import Any

import numpy as np
import structlog

from pinsage.evaluation.hit_rate import hit_rate
from pinsage.evaluation.random_walk import random_walk_ranks
from pinsage.graph.bipartite import BipartiteGraph
from pinsage.graph.config import GraphConfig
from pinsage.store import Version, Writer
from pinsage.walks.importance import importance_neighborhoods
from tasks.evaluate.evaluate_model import sampled_pairs
from tasks.prepare.build_graph import build_graph
from tasks.prepare.sample_neighborhoods import open_graph
from tasks.runtime.committing import commit_stage
from tasks.runtime.session import Session
from tasks.runtime.stages import MEASURE_PRUNING

log = structlog.get_logger()


def measure_pruning(session: Session, evaluation: Version, whole: Version) -> Version:
    """Compare the graph behind an evaluation with the one before pruning.

    Args:
        session: Store and configuration (``walks``, ``evaluation``, ``resources``).
        evaluation: Whose graph and pairs are taken.
        whole: The same graph without pruning.

    Returns:
        The committed version of ``pruning``: json ``effect`` with edges and hit-rates of the walks' neighborhoods
        ``before`` and ``after``; the seconds that walking all items took are its measurements.
    """
    graph, holdout_pairs = (session.store.input_of(evaluation, name) for name in ("graph", "holdout_pairs"))

    def write(out: Writer) -> None:
        effect = {}
        for name, version in (("before", whole), ("after", graph)):
            effect[name], out.measurements[f"walk_seconds_{name}"] = _walked(
                session, open_graph(version), holdout_pairs
            )
        out.write_json("effect", effect)

    return commit_stage(session, MEASURE_PRUNING, evaluation.partition, [whole, graph, holdout_pairs], write)


def effect_of_pruning(session: Session, evaluation: Version) -> Version | None:
    """Build the graph of an evaluation without pruning and compare, one stage after the other.

    Returns:
        The version of `measure_pruning`; None where the graph was not pruned.
    """
    graph = session.store.input_of(evaluation, "graph")
    pruned = GraphConfig.model_validate(graph.manifest.config)
    if not pruned.is_pruned:
        return None
    config = session.config.model_copy(update={"graph": pruned.unpruned})
    whole = build_graph(replace(session, config=config), session.store.input_of(graph, "catalog"))
    return measure_pruning(session, evaluation, whole)


def _walked(session: Session, graph: BipartiteGraph, holdout_pairs: Version) -> tuple[dict[str, Any], float]:
    """Edges and hit-rates of a graph, and the seconds of the walks of all its items."""
    config, walks = session.config.evaluation, session.config.walks
    queries, positives, _ = sampled_pairs(holdout_pairs, config)
    asked = np.unique(queries[queries >= 0])
    shape, seconds = (graph.num_items, walks.top_t), 0.0
    # Only the rows of queries are written, and memory that is never written is none.
    neighbors, importances = np.empty(shape, np.int32), np.empty(shape, np.float32)
    threads, step = session.config.resources.threads or os.cpu_count() or 1, session.config.resources.chunk_rows
    importance_neighborhoods(graph, range(min(1, graph.num_items)), walks)  # compiled outside the time
    for start in range(0, graph.num_items, step):
        rows = range(start, min(start + step, graph.num_items))
        started = time.monotonic()
        made = importance_neighborhoods(graph, rows, walks, threads=threads)
        seconds += time.monotonic() - started
        kept = asked[(asked >= rows.start) & (asked < rows.stop)]
        neighbors[kept], importances[kept] = made.neighbors[kept - start], made.importances[kept - start]
    ranks = random_walk_ranks(neighbors, importances, queries, positives)
    rates = {f"hit_rate@{k}": round(hit_rate(ranks, k), 6) for k in config.hit_rate_at}
    return {"num_edges": graph.num_edges, "num_pairs": int((~np.isnan(ranks)).sum()), **rates}, round(seconds, 3)
