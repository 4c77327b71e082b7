"""The stages that make positive pairs: those trained on, up to the as-of day, and those held out, after it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import structlog

from pinsage.arrays.stable_hash import combine, hash_ids, uniform
from pinsage.graph.vocabulary import Vocabulary
from pinsage.pairs.config import PairConfig
from pinsage.pairs.consecutive import consecutive_pairs
from pinsage.store import Store, Version, Writer
from tasks.data.deliveries import Deliveries
from tasks.prepare.build_catalog import check_times
from tasks.prepare.graph.chunks import Chunk, chunks_of
from tasks.prepare.prepared import Prepared
from tasks.runtime.committing import commit_stage
from tasks.runtime.days import add_days
from tasks.runtime.session import Session
from tasks.runtime.stages import BUILD_HOLDOUT_PAIRS, BUILD_PAIRS

MICROSECONDS_PER_DAY = 86_400_000_000

log = structlog.get_logger()


def build_pairs(session: Session, day: str, as_of: Prepared, graph: Version) -> Version:
    """Pairs of the days in (A - window, A], where A is the as-of day; untimed: of the splits train and tune.

    Pairs that ``graph`` does not know, those of later days, untimed those of the split tune, are like tomorrow's. A
    share of their boards is kept out of training, to tell when to stop.

    Args:
        session: Store and configuration (``pairs``).
        day: The day that the model is for; the partition.
        as_of: What is prepared as of A.
        graph: The graph that the model trains on; pairs of items that it does not hold are left out.

    Returns:
        The committed version of ``pairs``: arrays ``train`` and ``tune`` int32 [n, 2] of (query row, item row) in the
        row order of ``graph``; ``train_ages`` float32 [n], days from the pair to the end of A, 0 untimed.
    """
    store, config = session.store, session.config.pairs

    def write(out: Writer) -> None:
        vocabulary = item_vocabulary(graph)
        timed = bool(as_of.catalog.facts["timed"])
        first = add_days(as_of.day, 1 - config.window_days) if timed else ""
        listed = as_of.catalog.json("partitions")
        saves, engagements = (
            [store.version(uri) for uri in listed[name] if uri.split("/")[-2] >= first]
            for name in ("saves", "engagements")
        )
        if timed:
            pairs, boards, times = pairs_of(session, saves, engagements, None, vocabulary, chains=config.chains)
            # A graph as of A itself knows all pairs; then any board may be kept.
            unseen = times >= _end_of(graph.partition) if graph.partition < as_of.day else np.ones(len(pairs), bool)
            ages = ((_end_of(as_of.day) - times) / MICROSECONDS_PER_DAY).astype(np.float32)
        else:
            parts = [
                pairs_of(session, saves, engagements, split, vocabulary, chains=config.chains)
                for split in ("train", "tune")
            ]
            pairs, boards = (np.concatenate([part[each] for part in parts]) for each in (0, 1))
            unseen = np.arange(len(pairs)) >= len(parts[0][0])
            ages = np.zeros(len(pairs), np.float32)
        known = (pairs >= 0).all(axis=1)
        num_unknown = int((~known).sum())
        pairs, boards, unseen, ages = pairs[known], boards[known], unseen[known], ages[known]
        tuned = tune_pairs(boards, unseen, config)
        train, tune, ages = pairs[~tuned], pairs[tuned], ages[~tuned]
        if not len(train):
            raise ValueError(_no_pairs(day, as_of.day, graph, config.window_days if timed else None, num_unknown))
        out.write_array("train", train)
        out.write_array("train_ages", ages)
        out.write_array("tune", tune)
        out.facts.update(num_train=len(train), num_tune=len(tune), num_unknown=num_unknown, as_of_day=as_of.day)

    return commit_stage(session, BUILD_PAIRS, day, [as_of.catalog, graph], write)


def tune_pairs(boards: np.ndarray, unseen: np.ndarray, config: PairConfig) -> np.ndarray:
    """Which pairs are kept out of training: the unseen ones of a share of the boards, drawn by hash.

    Args:
        boards: uint64 [n], a word for each pair's board.
        unseen: bool [n], which pairs the graph does not know.
        config: ``tune_share``, less where that is more than about ``tune_pairs``; ``seed``.

    Returns:
        bool [n]; none where they would be all.
    """
    share = min(config.tune_share, config.tune_pairs / max(1, int(unseen.sum())))
    tuned = unseen & (uniform(combine(config.seed, boards)) < share)
    return tuned if not tuned.all() else np.zeros_like(tuned)


def _end_of(day: str) -> int:
    """Microseconds since 1970 at which a day ends."""
    return int(np.datetime64(add_days(day, 1), "us").astype(np.int64))


def _no_pairs(day: str, as_of: str, graph: Version, window_days: int | None, num_unknown: int) -> str:
    if window_days is None:
        return f"pairs {day}: no board has two items; ingest saves in which boards hold several items"
    apart = f", but for {num_unknown} pairs of items that came after {graph.partition}" if num_unknown else ""
    return (
        f"pairs {day}: no board has two items within the {window_days} days up to {as_of}{apart}; widen "
        "pairs.window_days, lower pairs.graph_lag_days, or ingest saves in which boards hold several items"
    )


def build_holdout_pairs(session: Session, day: str, as_of: Prepared) -> Version:
    """Pairs of the days in (A, D], which the model for D has not seen; untimed: of the split test.

    Returns:
        The committed version of ``holdout_pairs``: arrays ``pairs`` int32 [n, 2], -1 for items that the as-of graph
        does not hold, and ``boards`` uint64 [n], a word for each pair's board.
    """
    store = session.store
    timed = bool(as_of.catalog.facts["timed"])
    if timed:
        deliveries = Deliveries(session)
        tables = {
            name: [
                deliveries.require_validated(name, known)
                for known in deliveries.days_for(name, day)
                if known > as_of.day
            ]
            for name in ("saves", "engagements")
        }
    else:
        listed = as_of.catalog.json("partitions")
        tables = {name: [store.version(uri) for uri in listed[name]] for name in ("saves", "engagements")}
    check_times([*tables["saves"], *tables["engagements"]])
    inputs = [as_of.graph, *tables["saves"], *tables["engagements"]]

    def write(out: Writer) -> None:
        vocabulary = item_vocabulary(as_of.graph)
        split = None if timed else "test"
        # One chain: a board counts by the number of its saves, and pairs that it was measured on before stay the same.
        pairs, boards, _ = pairs_of(session, tables["saves"], tables["engagements"], split, vocabulary, chains=1)
        out.write_array("pairs", pairs)
        out.write_array("boards", boards)
        unknown = int((pairs < 0).any(axis=1).sum())
        out.facts.update(num_pairs=len(pairs), num_unknown=unknown, as_of_day=as_of.day)

    return commit_stage(session, BUILD_HOLDOUT_PAIRS, day, inputs, write)


def item_vocabulary(graph: Version) -> Vocabulary:
    """The graph's items in row order."""
    return Vocabulary(graph.table("item_ids").column("item_id").combine_chunks())


def pairs_of(
    session: Session,
    saves: Sequence[Version],
    engagements: Sequence[Version],
    split: str | None,
    vocabulary: Vocabulary,
    *,
    chains: int,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pairs as rows, int32 [n, 2] (-1 = unknown item); a word for the board (or query) and the time in us of each.

    Logged engagements where there are any (or the config asks for them), consecutive saves else.
    """
    config, chunk_rows = session.config.pairs, session.config.resources.saves_per_chunk
    logged = config.source == "engagements" or (config.source == "auto" and len(engagements) > 0)
    columns = ["query_id", "item_id", "engaged_at"] if logged else ["board_id", "item_id", "saved_at"]
    partitions, table = (engagements, "engagements") if logged else (saves, "saves")
    if not partitions:
        return np.zeros((0, 2), np.int32), np.zeros(0, np.uint64), np.zeros(0, np.int64)
    chunks = chunks_of(session.store, [version.uri for version in partitions], table, chunk_rows)
    # Boards are taken in ranges of their hash, which is what pairs are ordered by: any number of parts makes the same.
    parts = []
    for part in range(len(chunks)):
        rows = pa.concat_tables(
            [part_of_boards(session.store, chunk, columns, split, part, len(chunks)) for chunk in chunks]
        )
        words, times = hash_ids(rows.column(0)), pc.fill_null(rows.column(2).cast(pa.int64()), 0).to_numpy()
        item_rows = vocabulary.rows(rows.column("item_id")).astype(np.int32)
        if logged:
            pairs = np.stack([vocabulary.rows(rows.column("query_id")).astype(np.int32), item_rows], axis=1)
            kept = pairs[:, 0] != pairs[:, 1]
            order = np.lexsort((times[kept], pairs[kept, 1], pairs[kept, 0], words[kept]))
            parts.append((pairs[kept][order], words[kept][order], times[kept][order]))
            continue
        found = consecutive_pairs(
            words,
            hash_ids(rows.column("item_id")),
            times,
            seed=config.seed,
            chains=chains,
            max_gap=int(config.max_gap_days * MICROSECONDS_PER_DAY),
            max_pairs_per_board=config.max_pairs_per_board * chains,
        )
        pairs = np.stack([item_rows[found.query], item_rows[found.item]], axis=1)
        parts.append((pairs, combine(0, words[found.item]), times[found.item]))
    pairs, words, times = (np.concatenate(each) for each in zip(*parts, strict=True))
    return pairs, words, times


def part_of_boards(
    store: Store, chunk: Chunk, columns: Sequence[str], split: str | None, part: int, num_parts: int
) -> pa.Table:
    """Rows of a chunk whose board (or query, the first column) is in one of ``num_parts`` ranges of its hash."""
    tables = [store.version(each.uri).table(each.table, [*columns, "split"], each.rows) for each in chunk.slices]
    rows = pa.concat_tables(tables)
    if split is not None:
        rows = rows.filter(pc.equal(rows.column("split"), split))
    if num_parts > 1:
        ranges = ((hash_ids(rows.column(columns[0])) >> np.uint64(32)) * np.uint64(num_parts)) >> np.uint64(32)
        rows = rows.filter(pa.array(ranges == part))
    return rows.select(columns)
