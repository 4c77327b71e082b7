"""The stage that lets an index be served, if it is right; only it moves ``published``."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import structlog

from pinsage.index.geometry import row_blocks
from pinsage.serving.published import PublishedIndex, open_published
from pinsage.store import ReferenceMovedError, Version
from tasks.publish.rollback import rolled_back
from tasks.runtime.session import Session

FORCE = "force (`--force`) publishes it nevertheless"

log = structlog.get_logger()


class PublicationRefusedError(ValueError):
    """The index failed its gate; the served one stays."""


@dataclass(frozen=True)
class Publication:
    """The decision: whether the reference moved, why, its number, and the index in question."""

    published: bool
    reason: str
    number: int
    index: str


def publish_index(session: Session, index: Version, *, force: bool = False) -> Publication:
    """Check an index and point ``published`` to it; decide again where another publication comes first.

    Args:
        session: Store and configuration (``publish``).
        index: The index to serve.
        force: Let an older day replace a newer one, or an index that was rolled back come again. The gate is never
            skipped.

    Raises:
        PublicationRefusedError: A check failed; the message names each with what was got and expected.
    """
    store = session.store
    references = store.ref("published")
    head = references.head()
    number = 0 if head is None else head.number
    if head is not None and head.uri == index.uri:
        return Publication(False, "is published already", number, index.uri)
    current = None if head is None else store.version(head.uri)
    if current is not None and current.partition > index.partition and not force:
        return _not_published(f"{current.partition}, a newer day, is", number, index)
    undone = rolled_back(references.history(), index.uri)
    if undone is not None and not force:
        return _not_published(f"was rolled back by number {undone.number}", number, index)
    faults = gate(session, index, current)
    if faults:
        raise PublicationRefusedError(
            f"{index.uri} is not published, {'nothing' if current is None else current.uri} stays in force:\n"
            + "\n".join(f"  {fault}" for fault in faults)
        )
    try:
        reference = references.append(index.uri, after=number, details={"day": index.partition, "forced": force})
    except ReferenceMovedError:
        return publish_index(session, index, force=force)
    log.info("publish_index", number=reference.number, index=index.uri)
    return Publication(True, "passed every check", reference.number, index.uri)


def _not_published(reason: str, number: int, index: Version) -> Publication:
    log.warning("publish_index: not published", reason=reason, number=number, index=index.uri)
    return Publication(False, f"not published: {reason}; {FORCE}", number, index.uri)


def gate(session: Session, index: Version, current: Version | None) -> list[str]:
    """What is wrong with ``index``, one line each; nothing when it may be served."""
    store, config = session.store, session.config.publish
    index.verify()
    opened = open_published(index)
    recall, sidecar = index.json("recall"), index.json("sidecar")
    faults = []
    if recall["recall"] is not None and recall["recall"] < config.min_recall:
        faults.append(f"recall@{recall['k']} {recall['recall']:.4f}, expected at least {config.min_recall}")
    coverage = sidecar["num_indexed"] / max(sidecar["num_items"], 1)
    if coverage < config.min_coverage:
        faults.append(f"{coverage:.3f} of the catalogue is indexed, expected at least {config.min_coverage}")
    deviation = norm_deviation(opened)
    if deviation > config.max_norm_deviation:
        faults.append(f"norms differ from 1 by up to {deviation:.4f}, expected at most {config.max_norm_deviation}")
    embeddings = store.input_of(index, "embeddings")
    model = store.input_of(embeddings, "model")
    champion = store.ref("champion").head()
    if config.require_champion and (champion is None or champion.uri != model.uri):
        known = "there is none" if champion is None else champion.uri
        faults.append(f"embedded with {model.uri}, expected the champion ({known})")
    if current is not None:
        before = current.json("sidecar")["num_indexed"]
        if sidecar["num_indexed"] < before * (1 - config.max_count_drop):
            least = round(before * (1 - config.max_count_drop))
            faults.append(
                f"{sidecar['num_indexed']} items, the published index has {before}; expected at least {least}"
            )
        if store.input_of(store.input_of(current, "embeddings"), "model").uri == model.uri:
            overlap = neighbor_overlap(opened, open_published(current), config.drift_k, config.drift_queries)
            if overlap < config.min_neighbor_overlap:
                faults.append(
                    f"{overlap:.3f} of the {config.drift_k} nearest neighbors were kept, expected at least "
                    f"{config.min_neighbor_overlap}: same model, other neighbors"
                )
    return faults


def norm_deviation(opened: PublishedIndex) -> float:
    """The largest distance from 1 of a vector's norm, popularity term and zero vectors left out."""
    embeddings, largest = opened.index.embeddings, 0.0
    for rows in row_blocks(len(embeddings)):
        norms = opened.index.geometry.content_norms(np.asarray(embeddings[rows]))
        largest = max(largest, float(np.abs(norms[norms > 0] - 1).max(initial=0)))
    return largest


def neighbor_overlap(new: PublishedIndex, old: PublishedIndex, k: int, num_queries: int) -> float:
    """Mean share of an item's ``k`` nearest neighbors that both versions give; 1 without common items."""
    common = [item_id for item_id in old.row_of if item_id in new.row_of]
    if not common:
        return 1.0
    picks = np.random.default_rng(0).permutation(len(common))[:num_queries]
    shares = []
    for pick in picks.tolist():
        found = []
        for each in (new, old):
            row = each.row_of[common[pick]]
            query = each.index.geometry.queries(np.asarray(each.index.embeddings[row : row + 1]))[0]
            rows, _ = each.index.search(query, k, exclude=np.array([row]))
            found.append({each.items.column("item_id")[int(near)].as_py() for near in rows})
        shares.append(len(found[0] & found[1]) / max(len(found[1]), 1))
    return float(np.mean(shares))
