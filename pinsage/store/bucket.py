"""Objects in S3 or Google Cloud Storage through obstore, whose ``mode="create"`` is a conditional put.

After an error on a conditional put nobody knows whether it happened. So the key is read back: our bytes are success,
another's are adopted, and only when nothing is there is the put tried again.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import obstore
from obstore.exceptions import AlreadyExistsError, GenericError, PreconditionError
from obstore.store import from_url
from tenacity import retry, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from pinsage.store.failpoints import failpoint
from pinsage.store.objects import ObjectInfo

# Throttling, resets, time-outs and S3's 409 ConditionalRequestConflict surface as GenericError or OSError.
_PASSING = (GenericError, OSError)
_retried = retry(
    retry=retry_if_exception_type(_PASSING),
    wait=wait_random_exponential(multiplier=0.2, max=10),
    stop=stop_after_attempt(8),
    reraise=True,
)


class BucketObjects:
    """Objects below a prefix of a bucket, ``s3://bucket/prefix`` or ``gs://bucket/prefix``.

    Credentials, region and endpoint come from the usual environment variables (``AWS_ACCESS_KEY_ID``,
    ``AWS_ENDPOINT_URL``, ``GOOGLE_APPLICATION_CREDENTIALS``, ...).
    """

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")
        options: dict[str, Any] = {"timeout": timedelta(seconds=60)}
        if os.environ.get("AWS_ENDPOINT_URL", "").startswith("http://"):
            options["allow_http"] = True
        self._bucket = from_url(self.url, client_options=options)
        self._staging = Path(tempfile.gettempdir()) / f"pinsage-staging-{os.getuid()}"

    def put_if_absent(self, key: str, data: bytes) -> bytes:
        """See `Objects.put_if_absent`."""
        failpoint("put.before")
        stored = self._put_if_absent(key, data)
        failpoint("put.done")
        return stored

    @_retried
    def _put_if_absent(self, key: str, data: bytes) -> bytes:
        try:
            obstore.put(self._bucket, key, data, mode="create")
        except (AlreadyExistsError, PreconditionError):
            stored = self.get(key)
            if stored is None:  # the other writer's object was removed in between
                raise OSError(f"{self.url}/{key}: exists and does not exist; try again") from None
            return stored
        except _PASSING:
            stored = self.get(key)
            if stored is None:
                raise
            return stored
        return data

    def staging_path(self, key: str) -> Path:
        """Return a path in the machine's temporary folder."""
        self._staging.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle, path = tempfile.mkstemp(dir=self._staging, suffix=Path(key).suffix)
        os.close(handle)
        return Path(path)

    def put_path(self, key: str, staged: Path) -> None:
        """Upload the staged file (in parts when it is large) and remove it."""
        try:
            self._upload(key, staged)
        finally:
            staged.unlink(missing_ok=True)

    @_retried
    def _upload(self, key: str, staged: Path) -> None:
        obstore.put(self._bucket, key, staged)

    @_retried
    def get(self, key: str) -> bytes | None:
        """Return the bytes, or None."""
        try:
            return bytes(obstore.get(self._bucket, key).bytes())
        except FileNotFoundError:
            return None

    @_retried
    def size(self, key: str) -> int | None:
        """Return the size in bytes, or None."""
        try:
            return int(obstore.head(self._bucket, key)["size"])
        except FileNotFoundError:
            return None

    def local_path(self, key: str) -> Path | None:
        """Return None: a bucket's objects are downloaded before they are mapped."""
        return None

    @_retried
    def download(self, key: str, target: Path) -> None:
        """Stream the object to a local file."""
        with target.open("wb") as file:
            for piece in obstore.get(self._bucket, key).stream(min_chunk_size=8 << 20):
                file.write(piece)

    def walk(self, prefix: str) -> Iterator[ObjectInfo]:
        """List every object below the prefix, sorted by key."""
        found = [
            ObjectInfo(meta["path"], int(meta["size"]), meta["last_modified"].timestamp())
            for batch in self._list(prefix)
            for meta in batch
        ]
        yield from sorted(found, key=lambda info: info.key)

    @_retried
    def _list(self, prefix: str) -> list[Any]:
        return list(obstore.list(self._bucket, prefix or None))

    @_retried
    def children(self, prefix: str) -> list[str]:
        """List the names directly below the prefix, sorted."""
        found = obstore.list_with_delimiter(self._bucket, prefix or None)
        keys = [*found["common_prefixes"], *(meta["path"] for meta in found["objects"])]
        return sorted({key.rstrip("/").rsplit("/", 1)[-1] for key in keys})

    @_retried
    def delete(self, key: str) -> None:
        """Remove the object; a missing one is fine."""
        try:
            obstore.delete(self._bucket, key)
        except FileNotFoundError:
            return
