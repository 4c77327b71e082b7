"""Numbered pointer logs: ``_refs/<name>/<000000000042>.json``. The head is the highest number; nothing is rewritten.

Appending is *put if absent* of the next number, so two writers never both hold it. A rollback appends a reference to
an older version.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field

from pinsage.store.digests import canonical_json
from pinsage.store.errors import DamagedVersionError, InvalidNameError, ReferenceMovedError
from pinsage.store.failpoints import failpoint
from pinsage.store.names import check_path_name, split_uri
from pinsage.store.strays import pass_over

if TYPE_CHECKING:
    from pinsage.store.objects import Objects

FOLDER = "_refs"
KEY = re.compile(rf"{FOLDER}/(?P<name>.+)/(?P<number>[0-9]{{12}})\.json")
FINGERPRINT = re.compile(r"[0-9a-f]{32}")


class Reference(BaseModel):
    """One entry of a pointer log.

    ``recorded_at`` (UTC) is for people: nothing is computed from it. ``details`` says why it was appended; versions
    that it names by their URIs, at any depth, are kept as long as the one that is pointed to.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    number: int = Field(ge=1)
    uri: str
    details: dict[str, Any] = {}
    recorded_at: str

    def uris(self) -> set[str]:
        """The version that is pointed to, and those that the details name."""
        return {self.uri, *_uris_within(self.details)}


class ReferenceLog:
    """The log of one name, such as ``published``, ``champion`` or ``raw/saves/2017-01-01``."""

    def __init__(self, objects: Objects, name: str) -> None:
        self.name = check_path_name(name, "reference")
        self._objects = objects

    def head(self) -> Reference | None:
        """Return the newest reference, or None when nothing was ever appended."""
        numbers = self.numbers()
        return self.get(numbers[-1]) if numbers else None

    def get(self, number: int) -> Reference:
        """Return reference ``number``.

        Raises:
            DamagedVersionError: It is missing or unreadable.
        """
        data = self._objects.get(self._key(number))
        if data is None:
            raise DamagedVersionError(f"reference {self.name} has no number {number}")
        return parse_reference(data, self._key(number))

    def history(self) -> list[Reference]:
        """Return all references, oldest first."""
        return [self.get(number) for number in self.numbers()]

    def append(self, uri: str, *, after: int | None = None, details: dict[str, Any] | None = None) -> Reference:
        """Point to ``uri`` from now on.

        Args:
            uri: A committed version.
            after: The number that the head must still have (0 for an empty log); None takes whatever is next.
            details: Why, for people and reports.

        Raises:
            ReferenceMovedError: Another writer appended after ``after``.
        """
        split_uri(uri)
        while True:
            numbers = self.numbers()
            last = numbers[-1] if numbers else 0
            if after is not None and last != after:
                raise ReferenceMovedError(
                    f"reference {self.name} is at {last}, expected {after}; decide again and retry"
                )
            reference = Reference(
                name=self.name,
                number=last + 1,
                uri=uri,
                details=details or {},
                recorded_at=datetime.now(UTC).isoformat(timespec="microseconds"),
            )
            data = canonical_json(reference)
            failpoint("reference.before")
            stored = self._objects.put_if_absent(self._key(reference.number), data)
            failpoint("reference.after")
            if stored == data:
                return reference

    def point_to(self, uri: str, details: dict[str, Any] | None = None) -> Reference:
        """Append unless the head already points to ``uri``: the idempotent way."""
        while True:
            head = self.head()
            if head is not None and head.uri == uri:
                return head
            try:
                return self.append(uri, after=head.number if head else 0, details=details)
            except ReferenceMovedError:
                continue

    def numbers(self) -> list[int]:
        """The numbers of all references, ascending."""
        numbers = []
        for name in self._objects.files(f"{FOLDER}/{self.name}"):
            place = split_key(f"{FOLDER}/{self.name}/{name}")
            if place is None:
                pass_over(f"{FOLDER}/{self.name}/{name}")
            else:
                numbers.append(place[1])
        return sorted(numbers)

    def _key(self, number: int) -> str:
        return f"{FOLDER}/{self.name}/{number:012d}.json"


def split_key(key: str) -> tuple[str, int] | None:
    """Name and number of the reference that lies under ``key``; None where the key is of another file."""
    match = KEY.fullmatch(key)
    if match is None:
        return None
    try:
        return check_path_name(match["name"], "reference"), int(match["number"])
    except InvalidNameError:
        return None


def _uris_within(value: Any) -> set[str]:
    if isinstance(value, str):
        return {value} if _is_uri(value) else set()
    if isinstance(value, dict):
        value = list(value.values())
    return {uri for item in value for uri in _uris_within(item)} if isinstance(value, (list, tuple)) else set()


def _is_uri(text: str) -> bool:
    try:
        return FINGERPRINT.fullmatch(split_uri(text)[2]) is not None
    except InvalidNameError:
        return False


def parse_reference(data: bytes, key: str) -> Reference:
    """Read the reference that lies under ``key``.

    Raises:
        DamagedVersionError: It is unreadable, or of another key.
    """
    try:
        reference = Reference.model_validate_json(data)
        split_uri(reference.uri)
        datetime.fromisoformat(reference.recorded_at)
        expected = f"{FOLDER}/{reference.name}/{reference.number:012d}.json"
        fault = None if key == expected else f"it says that it is {expected}"
    except ValueError as error:
        fault = str(error)
    if fault is not None:
        raise DamagedVersionError(
            f"reference {key} is damaged: {fault}; drop it (`pinsage drop {key} --root ROOT`): the one before it is "
            "then in force, and running the stage (or the ingestion) again appends it anew"
        )
    return reference
