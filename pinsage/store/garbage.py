"""Garbage collection: what no reference reaches, no partition keeps and no grace period protects.

Marked and kept: the versions that the newest `KEPT_HISTORY` references of every log point to (so that a rollback finds
the older ones), the newest K commits of every partition (of
intermediate datasets: of the newest partition), and all their inputs.
A version is removed commit first, so that a reader never opens a manifest whose files are going.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Collection
from dataclasses import dataclass

from pinsage.store.errors import DamagedVersionError, UnknownVersionError, VersionInUseError
from pinsage.store.failpoints import failpoint
from pinsage.store.names import check_path_name, split_uri
from pinsage.store.objects import STAGED_PREFIX, ObjectInfo
from pinsage.store.references import FOLDER as REFERENCES
from pinsage.store.references import parse_reference
from pinsage.store.store import PROBES, SCRATCH, Store
from pinsage.store.verification import MARKS

# References of a log, the newest ones, whose versions are kept.
KEPT_HISTORY = 5


@dataclass(frozen=True)
class GarbagePlan:
    """What a collection would remove.

    Attributes:
        versions: URIs of the unreachable versions, sorted.
        keys: Every object to delete, commits first.
        num_bytes: Their total size.
    """

    versions: tuple[str, ...]
    keys: tuple[str, ...]
    num_bytes: int


def plan_garbage(
    store: Store, *, keep: int = 2, grace_seconds: float = 86_400.0, intermediate: Collection[str] = ()
) -> GarbagePlan:
    """Find what may be removed; nothing is.

    Args:
        store: The store to look at.
        keep: Newest commits of each partition that are kept although nothing refers to them.
        grace_seconds: Younger objects are kept: an attempt may be about to commit them.
        intermediate: Datasets that only save work: of them the newest partition alone keeps its commits.

    Raises:
        DamagedVersionError: A reference or manifest cannot be read; nothing is planned then.
    """
    objects = [
        info for info in store.objects.walk("") if not info.key.startswith("_") or info.key.startswith(REFERENCES)
    ]
    commits = {_uri_of_commit(info.key): info for info in objects if "/_commits/" in info.key}
    kept = _reachable(store, commits, _roots(store, objects) | _newest(commits, keep, intermediate))
    oldest_kept_time = time.time() - grace_seconds
    doomed: list[ObjectInfo] = []
    for info in objects:
        uri = _uri_of_object(info.key)
        if uri is not None and uri not in kept and info.modified < oldest_kept_time:
            doomed.append(info)
    # An uncommitted version is spared as a whole while any of its objects is young: its attempt may still be running.
    young = {_uri_of_object(info.key) for info in objects if info.modified >= oldest_kept_time}
    doomed = [info for info in doomed if _uri_of_object(info.key) not in young]
    doomed.sort(key=lambda info: ("/_commits/" not in info.key, "/_chunks/" not in info.key, info.key))
    versions = sorted(commits.keys() & {_uri_of_object(info.key) for info in doomed})
    return GarbagePlan(tuple(versions), tuple(info.key for info in doomed), sum(info.size for info in doomed))


def collect_garbage(store: Store, plan: GarbagePlan, *, grace_seconds: float = 86_400.0) -> None:
    """Delete what ``plan`` lists, commits first, and what attempts long dead left: temporary files, probes, marks."""
    for key in plan.keys:
        failpoint("garbage.before_delete")
        store.objects.delete(key)
        failpoint("garbage.after_delete")
    limit = time.time() - grace_seconds
    for info in list(store.objects.walk(PROBES)):
        if info.modified < limit:
            store.objects.delete(info.key)
    for folder in (store.local_root, store.cache):
        for path in [] if folder is None else list(folder.rglob(f"{STAGED_PREFIX}*")):
            try:
                if path.stat().st_mtime < limit:
                    path.unlink()
            except FileNotFoundError:  # its attempt ended just now
                continue
    for mark in list((store.cache / MARKS).glob("*/*")):
        if mark.stat().st_mtime < limit:
            mark.unlink(missing_ok=True)
    for folder in list((store.cache / SCRATCH).glob("*")):
        if folder.stat().st_mtime < limit:  # nothing was added since
            shutil.rmtree(folder, ignore_errors=True)


def drop_version(store: Store, uri: str) -> None:
    """Forget one version, commit first, so that its stage runs again; for damaged versions.

    Args:
        store: Where it lies.
        uri: Of the version; or the key of a damaged reference, ``_refs/<name>/<number>.json``.

    Raises:
        UnknownVersionError: There is no such commit.
        VersionInUseError: The head of a reference points to it and it is whole.
    """
    if uri.startswith(f"{REFERENCES}/"):
        check_path_name(uri.removeprefix(f"{REFERENCES}/"), "reference")
        if store.objects.size(uri) is None:
            raise UnknownVersionError(f"reference {uri} is not in {store.root}; there is nothing to drop")
        store.objects.delete(uri)
        return
    dataset, partition, fingerprint = split_uri(uri)
    folder = f"{dataset}/{partition}"
    commit = f"{folder}/_commits/{fingerprint}.json"
    if store.objects.size(commit) is None:
        raise UnknownVersionError(f"version {uri} is not committed in {store.root}; there is nothing to drop")
    _check_unused(store, uri)
    store.objects.delete(commit)
    for below in (f"{folder}/_chunks/{fingerprint}", f"{folder}/data/{fingerprint}"):
        for info in list(store.objects.walk(below)):
            store.objects.delete(info.key)


def _check_unused(store: Store, uri: str) -> None:
    """Refuse to drop what is published, champion or pinned, unless it is damaged: then it must go to be made again."""
    names = ["published", "champion", *(f"pins/{name}" for name in store.ref_names("pins"))]
    heads = {name: store.ref(name).head() for name in names}
    used = [name for name, head in heads.items() if head is not None and head.uri == uri]
    if not used:
        return
    try:
        store.version(uri).verify()
    except DamagedVersionError:
        return
    raise VersionInUseError(f"version {uri} is whole and in use by {', '.join(used)}; roll back or unpin it first")


def _roots(store: Store, objects: list[ObjectInfo]) -> set[str]:
    logs: dict[str, list[str]] = {}
    for info in objects:
        if info.key.startswith(f"{REFERENCES}/"):
            logs.setdefault(info.key.rsplit("/", 1)[0], []).append(info.key)
    roots = set()
    for keys in logs.values():
        for key in sorted(keys)[-KEPT_HISTORY:]:
            data = store.objects.get(key)
            if data is not None:
                roots.add(parse_reference(data, key).uri)
    return roots


def _newest(commits: dict[str, ObjectInfo], keep: int, intermediate: Collection[str]) -> set[str]:
    partitions: dict[str, list[tuple[float, str]]] = {}
    for uri, info in commits.items():
        partitions.setdefault(uri.rsplit("/", 1)[0], []).append((info.modified, uri))
    for dataset in intermediate:
        for older in sorted(name for name in partitions if name.rsplit("/", 1)[0] == dataset)[:-1]:
            del partitions[older]
    return {uri for found in partitions.values() for _, uri in sorted(found)[-keep:] if keep > 0}


def _reachable(store: Store, commits: dict[str, ObjectInfo], roots: set[str]) -> set[str]:
    kept: set[str] = set()
    waiting = sorted(roots)
    while waiting:
        uri = waiting.pop()
        if uri in kept or uri not in commits:
            continue
        kept.add(uri)
        waiting.extend(item.uri for item in store.version(uri).inputs)
    return kept


def _uri_of_commit(key: str) -> str:
    folder, _, name = key.partition("/_commits/")
    return f"{folder}/{name.removesuffix('.json')}"


def _uri_of_object(key: str) -> str | None:
    for marker in ("/_commits/", "/_chunks/", "/data/"):
        folder, found, rest = key.partition(marker)
        if found and folder.count("/") >= 1:
            return f"{folder}/{rest.split('/', 1)[0].removesuffix('.json')}"
    return None
