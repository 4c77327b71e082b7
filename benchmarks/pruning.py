"""What pruning takes and gives, rule by rule: edges, time of the walks, and hit-rate of the neighborhoods walked.

    python -m benchmarks.pruning --root .demo/store --day 2017-12-31 --json

Works on an ingested store and leaves a `graph` for each rule in it. The graph is that of the day's as-of day; the items
taken in the days after it are looked for in the neighborhoods of the items taken right before. One line of JSON a rule.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Iterator
from typing import Any

from pinsage.evaluation.hit_rate import hit_rate
from pinsage.evaluation.random_walk import random_walk_ranks
from pinsage.walks.importance import importance_neighborhoods
from tasks.data.deliveries import Deliveries
from tasks.data.validate import validate_days
from tasks.prepare.build_catalog import build_catalog
from tasks.prepare.build_graph import build_graph
from tasks.prepare.prepared import as_of_day, days_to_validate
from tasks.prepare.sample_neighborhoods import open_graph
from tasks.runtime.session import Session
from tasks.train.build_pairs import item_vocabulary, pairs_of

RULES: dict[str, dict[str, Any]] = {
    "none": {},
    "degree ** 0.9": {"graph.degree_exponent": 0.9},
    "degree ** 0.75": {"graph.degree_exponent": 0.75},
    "degree ** 0.5": {"graph.degree_exponent": 0.5},
    "at most 100 boards an item": {"graph.degree_cap": 100},
    "boards of 2 to 50 items": {"graph.min_board_items": 2, "graph.max_board_items": 50},
    "boards of 2 to 20 items": {"graph.min_board_items": 2, "graph.max_board_items": 20},
}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", required=True)
    parser.add_argument("--day", required=True)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--json", action="store_true", help="lines of JSON")
    arguments = parser.parse_args()
    for result in measure(arguments.root, arguments.day, arguments.threads):
        print(json.dumps(result) if arguments.json else "  ".join(f"{name} {value}" for name, value in result.items()))


def measure(root: str, day: str, threads: int) -> Iterator[dict[str, Any]]:
    """One result a rule, of the same pairs."""
    session = Session.open(root)
    for group in days_to_validate(session, day):
        validate_days(session, group)
    as_of = as_of_day(session, day)
    catalog = build_catalog(session, as_of)
    # Rows are a function of the catalog alone, so pairs found with one graph are pairs of all.
    vocabulary = item_vocabulary(build_graph(session, catalog))
    deliveries = Deliveries(session)
    later = {
        table: [
            deliveries.require_validated(table, known) for known in deliveries.days_for(table, day) if known > as_of
        ]
        for table in ("saves", "engagements")
    }
    pairs, _, _ = pairs_of(session, later["saves"], later["engagements"], None, vocabulary, chains=1)
    pairs = pairs[(pairs >= 0).all(axis=1)]
    for rule, settings in RULES.items():
        version = build_graph(Session.open(root, settings), catalog)
        graph = open_graph(version)
        walks = session.config.walks
        importance_neighborhoods(graph, range(min(1_000, graph.num_items)), walks, threads=threads)  # compiled, cached
        started, cpu_started = time.perf_counter(), time.process_time()
        made = importance_neighborhoods(graph, range(graph.num_items), walks, threads=threads)
        seconds, cpu_seconds = time.perf_counter() - started, time.process_time() - cpu_started
        ranks = random_walk_ranks(made.neighbors, made.importances, pairs[:, 0], pairs[:, 1])
        yield {
            "rule": rule,
            "num_edges": version.facts["num_edges"],
            "walk_seconds": round(seconds, 3),
            "walk_cpu_seconds": round(cpu_seconds, 3),
            "hit_rate@10": round(hit_rate(ranks, 10), 4),
            "hit_rate@50": round(hit_rate(ranks, 50), 4),
            "num_pairs": len(pairs),
            "pruned": version.json("statistics").get("pruned", {}),
        }


if __name__ == "__main__":
    main()
