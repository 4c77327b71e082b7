"""Garbage collection: what no reference reaches, no partition keeps and no grace period protects.

Marked and kept: the versions that the newest `KEPT_HISTORY` references of every log point to (so that a rollback finds
the older ones) and those that the details of their references name, the newest K commits of every partition (of
intermediate datasets: of the newest partition), and all their inputs.

Nothing is planned unless all of it could be seen: a folder that cannot be listed, a document that cannot be read or a
reference to a version that is not there may be all that protects what would go.

A version is removed commit first, so that a reader never opens a manifest whose files are going, and before what it was
made from. Several collections may run at once, and beside readers and writers: objects are listed before references,
what was published, or committed, between plan and removal is spared, and what another one removed is none's fault.
"""

from __future__ import annotations

import os
import re
import shutil
import time
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from pinsage.store.errors import (
    DamagedVersionError,
    NewerFormatError,
    StorageError,
    UnknownVersionError,
    VersionInUseError,
    storage_errors_named,
)
from pinsage.store.failpoints import failpoint
from pinsage.store.manifest import Input
from pinsage.store.names import NAME, check_path_name, split_uri
from pinsage.store.objects import STAGED_PREFIX, ObjectInfo
from pinsage.store.probe import PROBES
from pinsage.store.references import FOLDER as REFERENCES
from pinsage.store.references import parse_reference, split_key
from pinsage.store.store import SCRATCH, Store
from pinsage.store.strays import pass_over
from pinsage.store.verification import MARKS

# References of a log, the newest ones, whose versions are kept.
KEPT_HISTORY = 5
# A younger probe may be in use: it must not vanish between its two puts, whatever the grace period.
PROBE_SECONDS = 3600

OBJECT = re.compile(
    r"(?P<partition>.+/[^/]+)/"
    r"(?:_commits/(?P<committed>[0-9a-f]{32})\.json|(?:_chunks|data)/(?P<written>[0-9a-f]{32})/[^/]+)"
)


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
        DamagedVersionError: A reference or manifest cannot be read, or is not there; nothing is planned then.
        StorageError: A folder cannot be listed, or is a link; nothing is planned then.
    """
    objects = list(_objects(store))
    commits = {uri: info for info in objects if "/_commits/" in info.key and (uri := _uri_of(info.key))}
    # References are listed last: one that is appended meanwhile is seen, whatever it points to.
    kept, missing = _reachable(store, _roots(store) | _newest(commits, keep, intermediate))
    oldest_kept_time = time.time() - grace_seconds
    # An uncommitted version is spared as a whole while any of its objects is young: its attempt may still be running.
    young = {_uri_of(info.key) for info in objects if info.modified >= oldest_kept_time}
    torn = {_uri_of(info.key) for info in objects} & (missing - young - commits.keys())
    if torn:
        uri = min(filter(None, torn))
        raise DamagedVersionError(
            f"version {uri} is in use and its files are there, but its commit is gone, which says what it was made "
            f"from; nothing is planned: restore {_commit_key(uri)} from a copy, or run its stage again"
        )
    doomed = [info for info in objects if (uri := _uri_of(info.key)) and uri not in kept and uri not in young]
    # What was committed later may be made from what was committed before, never the other way round.
    doomed.sort(
        key=lambda info: (
            ("/_chunks/" in info.key) + 2 * ("/data/" in info.key),
            -info.modified if "/_commits/" in info.key else 0,
            info.key,
        )
    )
    versions = sorted(commits.keys() & {_uri_of(info.key) for info in doomed})
    return GarbagePlan(tuple(versions), tuple(info.key for info in doomed), sum(info.size for info in doomed))


def collect_garbage(store: Store, plan: GarbagePlan, *, grace_seconds: float = 86_400.0) -> None:
    """Delete what ``plan`` lists, commits first, and what attempts long dead left: temporary files, probes, marks.

    What a reference reaches by now, and what was committed since the plan was made, is spared.

    Raises:
        DamagedVersionError: As `plan_garbage`; nothing was deleted then.
        StorageError: As `plan_garbage`; or an object cannot be deleted.
    """
    in_use = _reachable(store, _roots(store))[0] if plan.keys else set()
    committed_since: dict[str, bool] = dict.fromkeys(plan.versions, False)
    for key in plan.keys:
        uri = _uri_of(key)
        if uri is None or uri in in_use:
            continue
        if uri not in committed_since:
            committed_since[uri] = store.objects.size(_commit_key(uri)) is not None
        if committed_since[uri]:
            continue
        failpoint("garbage.before_delete")
        store.objects.delete(key)
        failpoint("garbage.after_delete")
    limit = time.time() - grace_seconds
    for info in list(store.objects.walk(PROBES)):
        if info.modified < min(limit, time.time() - PROBE_SECONDS):
            store.objects.delete(info.key)
    _tidy(store, limit)


def _tidy(store: Store, limit: float) -> None:
    """Remove temporary files, marks and scratch folders that were last written before ``limit``."""
    for folder in dict.fromkeys((store.local_root, store.cache)):
        for path in [] if folder is None else _files_below(folder):
            if path.name.startswith(STAGED_PREFIX) and _is_older(path, limit):
                _unlink(path)
    for mark in _files_below(store.cache / MARKS):
        if _is_older(mark, limit):
            _unlink(mark)
    scratch = store.cache / SCRATCH
    for name in os.listdir(scratch) if scratch.is_dir() else []:
        if _is_older(scratch / name, limit):  # nothing was added since
            shutil.rmtree(scratch / name, ignore_errors=True)


def _files_below(folder: Path) -> Iterator[Path]:
    """Files at any depth; what cannot be listed, or goes meanwhile, is left out: nothing is concluded from it."""
    for where, _, names in os.walk(folder):
        yield from (Path(where) / name for name in names)


def _is_older(path: Path, limit: float) -> bool:
    try:
        return path.lstat().st_mtime < limit
    except FileNotFoundError:  # its attempt ended, or another collection took it
        return False


def _unlink(path: Path) -> None:
    with storage_errors_named(path):
        path.unlink(missing_ok=True)


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
    except NewerFormatError:
        raise
    except DamagedVersionError:
        return
    raise VersionInUseError(f"version {uri} is whole and in use by {', '.join(used)}; roll back or unpin it first")


def _objects(store: Store) -> Iterator[ObjectInfo]:
    """Everything below the datasets; other folders in the root are none of the store."""
    for name in sorted({*store.objects.children("")} - {*store.objects.files("")}):
        for info in store.objects.walk(name) if NAME.fullmatch(name) else ():
            if _uri_of(info.key) is None:
                _pass_over(info)
            elif not info.is_link:
                yield info


def _pass_over(info: ObjectInfo) -> None:
    """Name a file that is none of the store.

    Raises:
        StorageError: It is a link to a folder, which may hold what protects others.
    """
    if info.is_link and "/data/" not in info.key:
        raise StorageError(
            f"{info.key} is a link, to a folder or to nothing, and links are not followed; nothing is planned: put the "
            "folder itself there, or remove the link"
        )
    pass_over(info.key)


def _roots(store: Store) -> set[str]:
    """The versions that references hold.

    Raises:
        DamagedVersionError: A reference cannot be read, or the newest of a log points to nothing.
    """
    logs: dict[str, list[str]] = {}
    for info in store.objects.walk(REFERENCES):
        place = split_key(info.key)
        if place is None:
            _pass_over(info)
        else:
            logs.setdefault(place[0], []).append(info.key)
    roots: set[str] = set()
    for name, keys in sorted(logs.items()):
        read = [(key, store.objects.get(key)) for key in sorted(keys)]
        entries = [parse_reference(data, key) for key, data in read if data is not None]  # None: unpinned just now
        if not entries:
            continue
        head = entries[-1]
        if store.find(*split_uri(head.uri)) is None and store.ref(name).head() == head:
            raise DamagedVersionError(
                f"reference {name} points to {head.uri}, which is not committed in {store.root}; nothing is planned: "
                "run its stage again, or point the reference elsewhere (`pinsage rollback`, `pinsage unpin`)"
            )
        kept = {entry.uri for entry in entries[-KEPT_HISTORY:]}
        # What an entry says of a version, such as the evaluation that it was promoted for, holds for later ones, too.
        roots.update(*(entry.uris() for entry in entries if entry.uri in kept))
    return roots


def _newest(commits: dict[str, ObjectInfo], keep: int, intermediate: Collection[str]) -> set[str]:
    partitions: dict[str, list[tuple[float, str]]] = {}
    for uri, info in commits.items():
        partitions.setdefault(uri.rsplit("/", 1)[0], []).append((info.modified, uri))
    for dataset in intermediate:
        for older in sorted(name for name in partitions if name.rsplit("/", 1)[0] == dataset)[:-1]:
            del partitions[older]
    return {uri for found in partitions.values() for _, uri in sorted(found)[-keep:] if keep > 0}


def _reachable(store: Store, roots: set[str]) -> tuple[set[str], set[str]]:
    """The roots and everything that they were made from; and which of these are not committed."""
    kept: set[str] = set()
    missing: set[str] = set()
    waiting: list[tuple[str, Input | None]] = [(uri, None) for uri in sorted(roots)]
    while waiting:
        uri, item = waiting.pop()
        if uri in kept:
            continue
        kept.add(uri)
        version = store.find(*split_uri(uri))
        if version is not None:
            waiting.extend((source.uri, source) for source in version.inputs)
            continue
        missing.add(uri)
        if item is not None:
            waiting.extend((alike, None) for alike in _alike(store, item))
    return kept, missing


def _alike(store: Store, item: Input) -> Iterator[str]:
    """What the partition of an input that is not there has of the same content."""
    dataset, partition, _ = split_uri(item.uri)
    for fingerprint in store.fingerprints(dataset, partition):
        version = store.find(dataset, partition, fingerprint)
        if version is not None and version.content_digest == item.content_digest:
            yield version.uri


def _commit_key(uri: str) -> str:
    folder, _, fingerprint = uri.rpartition("/")
    return f"{folder}/_commits/{fingerprint}.json"


def _uri_of(key: str) -> str | None:
    """The version that an object belongs to; None for one that is none of the store."""
    match = OBJECT.fullmatch(key)
    return None if match is None else f"{match['partition']}/{match['committed'] or match['written']}"
