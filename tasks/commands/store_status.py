"""What a person asks of a store first: what came in, how old and how good what is published is, and what it takes."""

from __future__ import annotations

import time
from datetime import date
from typing import Any

from pinsage.store import Store, StoreError, Version
from pinsage.store.names import split_uri
from pinsage.store.pins import pins
from pinsage.store.references import Reference
from tasks.data.deliveries import TABLES
from tasks.evaluate.evaluation_table import headline

SIZE_SECONDS = 3.0
CACHE = "_cache"


def status_of(store: Store) -> dict[str, Any]:
    """The state of a store as a document; a part that can't be read is None, with the reason under ``faults``.

    Returns:
        ``raw/<table>`` (days, first, last, and rows and time of the last delivery), ``prepared`` (days), ``champion``
        (with ``quality``), ``published`` (with ``age_days`` behind the newest saves, and its counts), ``pins``,
        ``size``, ``faults``.
    """
    faults: list[str] = []
    days = {table: store.ref_names(f"raw/{table}") for table in TABLES}
    return {
        "root": store.root,
        **{f"raw/{table}": _attempt(faults, _deliveries, store, table, known) for table, known in days.items()},
        "prepared": store.ref_names("prepared"),
        "champion": _attempt(faults, _champion, store),
        "published": _attempt(faults, _published, store, days["saves"]),
        "pins": list(pins(store)),
        "size": size_of(store),
        "faults": faults,
    }


def size_of(store: Store, limit_seconds: float = SIZE_SECONDS) -> dict[str, Any]:
    """Bytes below the root, its cache apart; ``complete`` is false where counting ended with its time."""
    end = time.monotonic() + limit_seconds
    sizes = {"bytes": 0, "cache_bytes": 0}
    for name in sorted(store.objects.children(""), key=lambda name: name == CACHE):
        for part in store.objects.children(name) or [""]:
            for info in store.objects.walk(f"{name}/{part}".rstrip("/")):
                sizes["cache_bytes" if name == CACHE else "bytes"] += info.size
                if time.monotonic() > end:
                    return {**sizes, "complete": False}
            if time.monotonic() > end:
                return {**sizes, "complete": False}
    return {**sizes, "complete": True}


def _attempt(faults: list[str], part: Any, *arguments: Any) -> Any:
    try:
        return part(*arguments)
    except (StoreError, LookupError) as error:
        faults.append(str(error))
        return None


def _deliveries(store: Store, table: str, days: list[str]) -> dict[str, Any] | None:
    if not days:
        return None
    head = store.ref(f"raw/{table}/{days[-1]}").head()
    version = None if head is None else store.version(head.uri)
    return {
        "days": len(days),
        "first": days[0],
        "last": days[-1],
        "last_rows": None if version is None else version.facts.get("num_rows"),
        "last_recorded_at": None if head is None else head.recorded_at,
    }


def _champion(store: Store) -> dict[str, Any] | None:
    head = store.ref("champion").head()
    if head is None:
        return None
    evaluation = head.details.get("evaluation")
    shown = None if evaluation is None else headline(store.version(evaluation).json("metrics"))
    return {**_entry(head), "quality": None if shown is None else str(shown)}


def _published(store: Store, saves: list[str]) -> dict[str, Any] | None:
    head = store.ref("published").head()
    if head is None:
        return None
    day = split_uri(head.uri)[1]
    age = (date.fromisoformat(saves[-1]) - date.fromisoformat(day)).days if saves else None
    return {**_entry(head), "age_days": age, **_counts(store, store.version(head.uri))}


def _counts(store: Store, index: Version) -> dict[str, int | None]:
    graph = store.input_of(store.input_of(index, "embeddings"), "graph")
    has_statistics = any(entry.name == "statistics" for entry in graph.manifest.files)
    statistics = graph.json("statistics") if has_statistics else {}
    counts = {f"num_{name}": statistics.get(f"num_{name}") for name in ("boards", "saves")}
    return {"num_items": index.facts.get("num_indexed"), **counts}


def _entry(head: Reference) -> dict[str, Any]:
    return {"uri": head.uri, "number": head.number, "recorded_at": head.recorded_at}
