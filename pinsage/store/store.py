"""The partition store: immutable versions under datasets and partitions, and numbered references to them.

Layout::

    <root>/<dataset>/<partition>/data/<fingerprint>/<chunk>-<attempt>.<ext>   immutable; worthless until committed
    <root>/<dataset>/<partition>/_chunks/<fingerprint>/<chunk>.json           a finished chunk
    <root>/<dataset>/<partition>/_commits/<fingerprint>.json                  the commit: the manifest, written last
    <root>/_refs/<name>/<000000000042>.json                                   numbered references
    <root>/_site/...                                                          pages for people: reports, Data Docs

The commit protocol is in `writer.py`, reading in `version.py`, removal in `garbage.py`.
"""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from pinsage.store.errors import (
    DamagedVersionError,
    StorageDeniedError,
    StorageFullError,
    StoreError,
    UnknownVersionError,
)
from pinsage.store.names import NAME, check_name, check_page_path, check_path_name, split_uri
from pinsage.store.objects import LocalObjects, Objects
from pinsage.store.probe import probe_conditional_put
from pinsage.store.references import FOLDER as REFERENCES
from pinsage.store.references import ReferenceLog, split_key
from pinsage.store.strays import pass_over
from pinsage.store.version import Version, find_version
from pinsage.store.write_spec import WriteSpec, write_spec
from pinsage.store.writer import Writer

SITE = "_site"
CACHE = "_cache"
SCRATCH = "scratch"
COMMIT = re.compile(r"([0-9a-f]{32})\.json")
# How a file system says that a path is no file that can be read, beside that there is none.
NO_PAGE = {errno.EISDIR, errno.ENOTDIR, errno.ENAMETOOLONG, errno.EACCES, errno.EPERM, errno.EINVAL, errno.ELOOP}


class Store:
    """One root with datasets, partitions, versions and references.

    Args:
        objects: The storage; use `Store.open` for a path or URL.
        cache: Local folder for downloads and assembled arrays.
    """

    def __init__(self, objects: Objects, cache: Path) -> None:
        self.objects = objects
        self.cache = cache

    @classmethod
    def open(cls, root: str | Path) -> Store:
        """Open a local folder (made when missing), ``s3://bucket/prefix`` or ``gs://bucket/prefix``.

        A storage that is full, or may only be read, is opened too: it can be read, and `gc` can make room. Nothing is
        written into a local folder before a first version, reference or page is.

        Raises:
            UnsafeStoreError: The storage ignores conditional puts.
            StoreError: The URL has an unknown scheme, or names no bucket.
        """
        text = str(root)
        if not text.strip():
            raise StoreError("store root is empty; expected a local folder, s3://bucket/prefix or gs://bucket/prefix")
        objects: Objects
        if "://" not in text:
            objects = LocalObjects(Path(text))
            cache = Path(os.environ.get("PINSAGE_CACHE") or Path(objects.url) / CACHE)
        elif re.match("(s3|gs)://[^/]", text):
            from pinsage.store.bucket import BucketObjects

            default = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "pinsage"
            cache = Path(os.environ.get("PINSAGE_CACHE") or default)
            objects = BucketObjects(text, cache / "staging")
            with suppress(StorageFullError, StorageDeniedError):
                probe_conditional_put(objects)
        else:
            raise StoreError(f"store root {text!r}: expected a local folder, s3://bucket/prefix or gs://bucket/prefix")
        return cls(objects, cache)

    @property
    def root(self) -> str:
        """The local folder or URL that was opened."""
        return self.objects.url

    @property
    def local_root(self) -> Path | None:
        """The root as a local folder, or None for a bucket."""
        return None if "://" in self.root else Path(self.root)

    def scratch(self, name: str) -> Path:
        """A local folder for files of a stage in progress; garbage collection removes what killed stages left."""
        return self.cache / SCRATCH / check_name(name, "scratch folder")

    # --- versions --------------------------------------------------------------------------------------------------

    def write(
        self,
        dataset: str,
        *,
        partition: str,
        inputs: Sequence[Version],
        config: BaseModel | Mapping[str, Any],
        code_version: int,
    ) -> Writer:
        """Open a writer for the version that these inputs, this config and this code make.

        Args:
            dataset: Such as ``neighborhoods`` or ``raw/saves``.
            partition: The day the version is for.
            inputs: The versions read; their content digests enter the fingerprint.
            config: What the result depends on. Never workers, threads, devices or times.
            code_version: Raised by hand when the stage's result changes for equal inputs and config.

        Raises:
            DamagedVersionError: The version is committed and does not verify.
        """
        return self.resume(write_spec(dataset, partition, inputs, config, code_version))

    def resume(self, spec: WriteSpec) -> Writer:
        """Go on writing chunks of ``spec`` in another process; whoever opened it first commits."""
        return Writer(self.objects, self.cache, spec)

    def committed(
        self,
        dataset: str,
        *,
        partition: str,
        inputs: Sequence[Version],
        config: BaseModel | Mapping[str, Any],
        code_version: int,
    ) -> Version | None:
        """Return the version that `write` would make, if it is committed; its files are checked when they are read."""
        return self.find(dataset, partition, write_spec(dataset, partition, inputs, config, code_version).fingerprint)

    def find(self, dataset: str, partition: str, fingerprint: str) -> Version | None:
        """Return the committed version with this fingerprint, or None."""
        return find_version(self.objects, self.cache, dataset, partition, fingerprint)

    def version(self, uri: str) -> Version:
        """Open the version ``<dataset>/<partition>/<fingerprint>``.

        Raises:
            UnknownVersionError: It is not committed; the message lists those that are.
        """
        dataset, partition, fingerprint = split_uri(uri)
        found = self.find(dataset, partition, fingerprint)
        if found is None:
            known = self.fingerprints(dataset, partition)
            raise UnknownVersionError(
                f"version {uri} is not committed in {self.root}; "
                f"{dataset}/{partition} has {', '.join(known) if known else 'no versions'}"
            )
        return found

    def input_of(self, version: Version, dataset: str) -> Version:
        """Open the version of ``dataset`` that ``version`` was made from.

        Raises:
            LookupError: It has no such input, or several.
        """
        found = [used.uri for used in version.inputs if split_uri(used.uri)[0] == dataset]
        if len(found) != 1:
            known = sorted({split_uri(used.uri)[0] for used in version.inputs})
            raise LookupError(f"version {version.uri}: {len(found)} inputs of {dataset!r}, expected one of {known}")
        return self.version(found[0])

    def partitions(self, dataset: str) -> list[str]:
        """List the partitions of a dataset that have a committed version, sorted."""
        names = self.objects.folders(check_path_name(dataset))
        return [name for name in names if NAME.fullmatch(name) and self.fingerprints(dataset, name)]

    def fingerprints(self, dataset: str, partition: str) -> list[str]:
        """List the fingerprints committed in one partition, sorted."""
        folder, fingerprints = f"{dataset}/{partition}/_commits", []
        for name in self.objects.files(folder):
            commit = COMMIT.fullmatch(name)
            if commit:
                fingerprints.append(commit[1])
            else:
                pass_over(f"{folder}/{name}")
        return fingerprints

    def versions(self, dataset: str, partition: str) -> list[Version]:
        """Open every committed version of one partition, by fingerprint."""
        return [self.version(f"{dataset}/{partition}/{name}") for name in self.fingerprints(dataset, partition)]

    # --- references ------------------------------------------------------------------------------------------------

    def ref(self, name: str) -> ReferenceLog:
        """Return the pointer log ``name``."""
        return ReferenceLog(self.objects, name)

    def referenced(self, name: str) -> Version | None:
        """Open the version that the head of ``name`` points to, or None for an empty log.

        Raises:
            DamagedVersionError: ``name`` is that of a partition, and its head points to a version of another one.
        """
        head = self.ref(name).head()
        if head is None:
            return None
        if "/" in name and head.uri.rpartition("/")[0] != name:
            key = f"{REFERENCES}/{name}/{head.number:012d}.json"
            raise DamagedVersionError(
                f"reference {key} points to {head.uri}, expected a version of {name}; drop it (`pinsage drop {key} "
                "--root ROOT`) and run its stage, or the ingestion, again"
            )
        return self.version(head.uri)

    def ref_names(self, prefix: str) -> list[str]:
        """List the names below ``prefix`` that were ever appended to: the days of ``raw/saves``, sorted."""
        names = set()
        for info in self.objects.walk(f"{REFERENCES}/{check_path_name(prefix, 'reference')}"):
            place = split_key(info.key)
            if place is None:
                pass_over(info.key)
            elif place[0] != prefix:
                names.add(place[0].removeprefix(f"{prefix}/").split("/", 1)[0])
        return sorted(names)

    # --- pages -----------------------------------------------------------------------------------------------------

    def put_page(self, path: str, data: bytes) -> str:
        """Put a page where people find it, in place of an earlier one; unchanged pages are left alone.

        Args:
            path: Slash-separated, below ``_site``, such as ``reports/2026-03-01/index.html``.
            data: Its bytes.

        Returns:
            The whole path, or the URL in a bucket.
        """
        if self.page(path) != data:
            self.objects.replace(f"{SITE}/{path}", data)
        return f"{self.root}/{SITE}/{path}"

    def page(self, path: str) -> bytes | None:
        """Read a page, or None when there is no such page: nothing, a folder, or what may not be read.

        Raises:
            InvalidNameError: The path could leave the site.
        """
        try:
            return self.objects.get(f"{SITE}/{check_page_path(path)}")
        except OSError as error:
            if error.errno in NO_PAGE:
                return None
            raise

    def page_folders(self, path: str) -> list[str]:
        """List what lies below ``path`` of the site: the days of ``reports``, sorted."""
        return self.objects.folders(f"{SITE}/{check_page_path(path)}")
