"""Objects in S3 or Google Cloud Storage through obstore, whose ``mode="create"`` is a conditional put.

After an error on a conditional put nobody knows whether it happened. So the key is read back: our bytes are success,
another's are adopted, and only when nothing is there is the put tried again.

obstore repeats a request that met a server error or lost its connection, a few times; what is still wrong then, and
what it never repeats (S3's 409 ConditionalRequestConflict, an answer that stops in the middle), is repeated here.
"""

from __future__ import annotations

import functools
import os
import secrets
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import obstore
from obstore.exceptions import (
    AlreadyExistsError,
    BaseError,
    GenericError,
    PermissionDeniedError,
    PreconditionError,
    UnauthenticatedError,
)
from obstore.store import from_url
from tenacity import retry, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from pinsage.store.errors import StorageDeniedError, StorageError
from pinsage.store.failpoints import failpoint
from pinsage.store.objects import STAGED_PREFIX, ObjectInfo

# Downloads are made of requests of this size, so that the time-out of a request bounds none of them.
_PIECE_BYTES = 16 << 20
_RETRIES = {"max_retries": 3, "retry_timeout": timedelta(seconds=60)}

Method = TypeVar("Method", bound=Callable[..., Any])


class _VanishedError(Exception):
    """A key existed for the put and did not for the read that followed."""


_repeated = retry(
    retry=retry_if_exception_type((GenericError, _VanishedError)),
    wait=wait_random_exponential(multiplier=0.2, max=10),
    stop=stop_after_attempt(8),
    reraise=True,
)


def _patient(method: Method) -> Method:
    """Repeat what may pass; what does not becomes a `StorageError` that names the operation and the key."""
    repeated = _repeated(method)

    @functools.wraps(method)
    def call(self: BucketObjects, key: str, *arguments: Any) -> Any:
        try:
            return repeated(self, key, *arguments)
        except (BaseError, PermissionError, _VanishedError) as error:
            reason = str(error).splitlines()[0]
            denied = isinstance(error, (PermissionError, PermissionDeniedError, UnauthenticatedError))
            raise (StorageDeniedError if denied else StorageError)(
                f"storage {self.url}: {method.__name__} {key!r} failed: {reason}; check the bucket's name, the "
                "credentials and the endpoint (docs/operations.md), then run again: finished chunks are kept"
            ) from None

    return call  # type: ignore[return-value]  # the same signature, which the decorator can't say


class BucketObjects:
    """Objects below a prefix of a bucket, ``s3://bucket/prefix`` or ``gs://bucket/prefix``.

    Credentials, region and endpoint come from the usual environment variables (``AWS_ACCESS_KEY_ID``,
    ``AWS_ENDPOINT_URL``, ``GOOGLE_APPLICATION_CREDENTIALS``, ...), and ``AWS_TIMEOUT`` bounds one request.

    Args:
        url: Bucket and prefix.
        staging: Local folder for files on their way to the bucket.
    """

    def __init__(self, url: str, staging: Path) -> None:
        self.url = url.rstrip("/")
        options: dict[str, Any] = {"timeout": os.environ.get("AWS_TIMEOUT", "60s")}
        if os.environ.get("AWS_ENDPOINT_URL", "").startswith("http://"):
            options["allow_http"] = True
        self._bucket = from_url(self.url, client_options=options, retry_config=_RETRIES)
        self._staging = staging

    def put_if_absent(self, key: str, data: bytes) -> bytes:
        """See `Objects.put_if_absent`."""
        failpoint("put.before")
        stored = self._put_if_absent(key, data)
        failpoint("put.done")
        return stored

    @_patient
    def _put_if_absent(self, key: str, data: bytes) -> bytes:
        try:
            obstore.put(self._bucket, key, data, mode="create")
        except (AlreadyExistsError, PreconditionError):
            stored = self.get(key)
            if stored is None:
                raise _VanishedError("it exists for the put and does not for the read that follows") from None
            return stored
        except GenericError:
            stored = self.get(key)
            if stored is None:
                raise
            return stored
        except FileNotFoundError as error:
            raise self._no_bucket(error) from None
        return data

    def staging_path(self, key: str) -> Path:
        """Return a path in the local staging folder."""
        self._staging.mkdir(mode=0o700, parents=True, exist_ok=True)
        return self._staging / f"{STAGED_PREFIX}{secrets.token_hex(8)}{Path(key).suffix}"

    def put_path(self, key: str, staged: Path) -> None:
        """Upload the staged file (in parts when it is large) and remove it."""
        try:
            self._upload(key, staged)
        finally:
            staged.unlink(missing_ok=True)

    @_patient
    def _upload(self, key: str, staged: Path) -> None:
        obstore.put(self._bucket, key, staged)

    @_patient
    def replace(self, key: str, data: bytes) -> None:
        """See `Objects.replace`."""
        obstore.put(self._bucket, key, data)

    @_patient
    def get(self, key: str) -> bytes | None:
        """Return the bytes, or None."""
        try:
            return bytes(obstore.get(self._bucket, key).bytes())
        except FileNotFoundError as error:
            if "NoSuchBucket" in str(error):  # nothing is known of the key
                raise self._no_bucket(error) from None
            return None

    @_patient
    def size(self, key: str) -> int | None:
        """Return the size in bytes, or None."""
        try:
            return int(obstore.head(self._bucket, key)["size"])
        except FileNotFoundError:
            return None

    def local_path(self, key: str) -> Path | None:
        """Return None: a bucket's objects are downloaded before they are mapped."""
        return None

    def download(self, key: str, target: Path) -> None:
        """Copy the object to a local file, piece by piece."""
        size = self.size(key)
        if size is None:
            raise FileNotFoundError(f"{self.url}/{key}")
        with target.open("wb") as file:
            for start in range(0, size, _PIECE_BYTES):
                file.write(self._piece(key, start, min(start + _PIECE_BYTES, size)))

    @_patient
    def _piece(self, key: str, start: int, stop: int) -> Any:
        return obstore.get_range(self._bucket, key, start=start, end=stop)

    def walk(self, prefix: str) -> Iterator[ObjectInfo]:
        """List every object below the prefix, sorted by key; a listing that breaks off yields nothing."""
        found = [
            ObjectInfo(meta["path"], int(meta["size"]), meta["last_modified"].timestamp())
            for batch in self._list(prefix)
            for meta in batch
        ]
        yield from sorted(found, key=lambda info: info.key)

    @_patient
    def _list(self, prefix: str) -> list[Any]:
        try:
            return list(obstore.list(self._bucket, prefix or None))
        except FileNotFoundError as error:
            raise self._no_bucket(error) from None

    def children(self, prefix: str) -> list[str]:
        """List the names directly below the prefix, sorted; hidden ones are not of the store."""
        return sorted({name for name in (*self.files(prefix), *self.folders(prefix)) if not name.startswith(".")})

    def files(self, prefix: str) -> list[str]:
        """List the objects directly below the prefix."""
        return sorted(meta["path"].rsplit("/", 1)[-1] for meta in self._list_directly(prefix)["objects"])

    def folders(self, prefix: str) -> list[str]:
        """List what has objects below it."""
        names = {key.rstrip("/").rsplit("/", 1)[-1] for key in self._list_directly(prefix)["common_prefixes"]}
        return sorted(name for name in names if not name.startswith("."))

    @_patient
    def _list_directly(self, prefix: str) -> Any:
        try:
            return obstore.list_with_delimiter(self._bucket, prefix or None)
        except FileNotFoundError as error:
            raise self._no_bucket(error) from None

    def _no_bucket(self, error: FileNotFoundError) -> StorageError:
        return StorageError(f"storage {self.url}: no such bucket; make it, or correct the root ({error})")

    @_patient
    def delete(self, key: str) -> None:
        """Remove the object; a missing one is fine."""
        try:
            obstore.delete(self._bucket, key)
        except FileNotFoundError:
            return
