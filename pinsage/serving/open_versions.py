"""The versions a process has open, and how it goes over to a new one without a failed or mixed answer.

A reader enters a version and leaves it. Going over opens and checks the new version beside the old one, exchanges one
pointer, and gives up its own hold on the old version, which is closed when the last reader has left. Whoever entered
before the exchange ends with the old version, whoever enters after it sees only the new one. A version that cannot be
opened, such as one with a truncated file, changes nothing: the old one keeps answering.
"""

from __future__ import annotations

import os
import threading
import weakref
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import structlog

from pinsage.serving.answers import NothingPublishedError, UnknownVersionAskedError
from pinsage.serving.config import ServingConfig
from pinsage.serving.published import PublishedIndex, open_published
from pinsage.store import Reference, Store, UnknownVersionError

REFERENCE = "published"

T = TypeVar("T")
log = structlog.get_logger()


@dataclass(frozen=True)
class Refusal:
    """A published version that could not be opened, and why."""

    number: int
    uri: str
    reason: str


class OpenVersion:
    """One opened version and its readers; whoever made it is the first of them.

    Args:
        index: What answers.
        number: Of the publication that it was opened for.
    """

    def __init__(self, index: PublishedIndex, number: int) -> None:
        self.index = index
        self.number = number
        self._readers = 1
        self._lock = threading.Lock()
        self._parts: dict[type[Any], Any] = {}
        self._part_locks: dict[type[Any], threading.Lock] = {}

    def enter(self) -> bool:
        """Become a reader; False when the last one has left already."""
        with self._lock:
            if self._readers == 0:
                return False
            self._readers += 1
            return True

    def leave(self) -> None:
        """Be no reader any more; the last one closes."""
        with self._lock:
            self._readers -= 1
            last = self._readers == 0
        if last:
            self._parts.clear()
            self.index.close()

    def part(self, kind: type[T], open_part: Callable[[], T]) -> T:
        """What belongs to this version and few readers need, opened by the first that asks."""
        with self._lock:
            lock = self._part_locks.setdefault(kind, threading.Lock())
        with lock:
            if kind not in self._parts:
                self._parts[kind] = open_part()
            found: T = self._parts[kind]
            return found


class OpenVersions:
    """The version that ``published`` points to, and a few earlier ones for comparisons; safe in threads and forks.

    Args:
        store: Where they are.
        config: How often to look for a new version, how many earlier ones to keep open.

    Raises:
        NothingPublishedError: No index was published.
        DamagedVersionError: The published one is damaged, and there is no other to go on with.
    """

    def __init__(self, store: Store, config: ServingConfig) -> None:
        self._store = store
        self._config = config
        self.refused: Refusal | None = None
        self._head = self._open_head()
        self._earlier: OrderedDict[str, OpenVersion] = OrderedDict()
        self._closed = threading.Event()
        self._process = 0
        self._start_in_this_process()

    @contextmanager
    def reading(self, uri: str | None = None) -> Iterator[OpenVersion]:
        """Hold a version open: the published one, or the earlier published one named ``uri``.

        Raises:
            UnknownVersionAskedError: ``uri`` was never published, or was removed since.
        """
        held = self._enter_head() if uri is None else self._enter(uri)
        try:
            yield held
        finally:
            held.leave()

    def refresh(self) -> bool:
        """Go over to the published version if it is another one.

        Returns:
            Whether it changed.

        Raises:
            DamagedVersionError: A file of the new version is not what its manifest says; the old version stays.
            IndexFileError: What was published is no index; the old version stays.
        """
        with self._refreshing:
            reference = self._store.ref(REFERENCE).head()
            if reference is None or self._closed.is_set():
                return False
            if reference.uri == self._head.index.version.uri:
                self._head.number, self.refused = reference.number, None
                return False
            try:
                opened = self._open(reference)
                opened.index.warm_like(self._head.index)
            except Exception as error:
                refusal = Refusal(reference.number, reference.uri, str(error))
                if refusal != self.refused:
                    log.error("version refused", number=refusal.number, uri=refusal.uri, reason=refusal.reason)
                self.refused = refusal
                raise
            old, self._head, self.refused = self._head, opened, None
            old.leave()
            log.info("version opened", number=reference.number, uri=reference.uri)
            return True

    def history(self) -> list[Reference]:
        """Every publication, oldest first."""
        return self._store.ref(REFERENCE).history()

    def close(self) -> None:
        """Stop looking for new versions and give up all holds; readers at work end first."""
        with self._refreshing:
            if self._closed.is_set():
                return
            self._closed.set()
            self._head.leave()
            while self._earlier:
                self._earlier.popitem()[1].leave()

    def _open_head(self) -> OpenVersion:
        reference = self._store.ref(REFERENCE).head()
        if reference is None:
            raise NothingPublishedError(
                f"store {self._store.root}: no index is published; run `pinsage run all --day YYYY-MM-DD` first"
            )
        return self._open(reference)

    def _open(self, reference: Reference) -> OpenVersion:
        return OpenVersion(open_published(self._store.version(reference.uri)), reference.number)

    def _enter_head(self) -> OpenVersion:
        if self._process != os.getpid():
            self._start_in_this_process()
        while not self._closed.is_set():
            held = self._head
            if held.enter():
                return held
        raise RuntimeError(f"store {self._store.root}: this reader was closed; make another one")

    def _enter(self, uri: str) -> OpenVersion:
        held = self._enter_head()
        if uri == held.index.version.uri:
            return held
        held.leave()
        with self._refreshing:
            if uri not in self._earlier:
                published = next((each for each in reversed(self.history()) if each.uri == uri), None)
                if published is None:
                    newest = ", ".join(dict.fromkeys(each.uri for each in reversed(self.history()[-3:])))
                    raise UnknownVersionAskedError(
                        f"version {uri!r} was never published; the newest that were: {newest}"
                    )
                try:
                    self._earlier[uri] = self._open(published)
                except UnknownVersionError:
                    raise UnknownVersionAskedError(f"version {uri} was removed by a garbage collection") from None
            self._earlier.move_to_end(uri)
            while len(self._earlier) > self._config.earlier_versions:
                self._earlier.popitem(last=False)[1].leave()
            entered = self._earlier[uri].enter()
            assert entered, "kept versions are held"
            return self._earlier[uri]

    def _start_in_this_process(self) -> None:
        """Fresh locks, counts and watcher: those of the process that forked this one do not work here."""
        forked = self._process != 0
        self._process = os.getpid()
        self._refreshing = threading.Lock()
        if forked:
            self._head = OpenVersion(self._head.index, self._head.number)
            self._earlier = OrderedDict()
        if self._config.poll_seconds > 0:
            arguments = (weakref.ref(self), self._closed, self._config.poll_seconds)
            threading.Thread(target=_watch, args=arguments, name="published-versions", daemon=True).start()


def _watch(versions: weakref.ref[OpenVersions], closed: threading.Event, poll_seconds: float) -> None:
    """Refresh until the reader is closed or forgotten; whatever goes wrong, the version in use stays."""
    while not closed.wait(poll_seconds):
        watched = versions()
        if watched is None:
            return
        try:
            watched.refresh()
        except Exception as error:  # noqa: BLE001  # refusals are kept and logged by refresh; the rest may pass
            if watched.refused is None:
                log.warning("could not look for a new version", reason=str(error))
        del watched
