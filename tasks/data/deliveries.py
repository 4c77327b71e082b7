"""What was delivered, and what of it is validated: read once and kept, because a run asks for a year of days.

The items that saves may name are those of every day up to their own. A chain of small ``known_items`` versions, one per
day of items, stands for them: each has the one before it and the day's validated items as inputs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

from pinsage.store import Version
from pinsage.store.digests import digest_of
from tasks.data.advice import advice
from tasks.runtime.days import add_days, check_day, days_named, is_day
from tasks.runtime.session import Session
from tasks.runtime.stages import KNOWN_ITEMS, VALIDATE

TABLES = ("items", "saves", "engagements")
# Partitions are committed side by side: a commit mostly waits for the disk or the bucket.
COMMIT_THREADS = 16


class MissingPartitionError(LookupError):
    """A day was never delivered, which is not the same as delivered empty."""


class NoDataError(LookupError):
    """Nothing was delivered that a run for the day could read."""


class ValidationMissingError(LookupError):
    """A delivered partition was not validated yet."""


class Deliveries:
    """The raw partitions in force at the first look, and the validated ones that were made of them.

    Args:
        session: Store and configuration (``validation``, ``graph.lookback_days``).
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._days: dict[str, list[str]] = {}
        self._raw: dict[tuple[str, str], Version] = {}
        self._validated: dict[tuple[str, str], Version] = {}
        self._known_items: dict[str, Version] = {}

    def days(self, table: str) -> list[str]:
        """Every delivered day, ascending."""
        if table not in self._days:
            names = self._session.store.ref_names(f"raw/{table}")
            self._days[table] = [name for name in names if is_day(name)]
        return self._days[table]

    def days_for(self, table: str, day: str) -> list[str]:
        """The days that a run for ``day`` reads: of items all up to it, of the others those within the lookback."""
        lookback = self._session.config.graph.lookback_days
        first = "" if table == "items" else add_days(check_day(day), 1 - lookback)
        return [known for known in self.days(table) if first <= known <= day]

    def require_for(self, day: str) -> None:
        """Check that a run for ``day`` has items and saves to read.

        Raises:
            NoDataError: It has none; the message names the days that have.
            MissingPartitionError: It lies after all saves that were delivered: what it will hold is not known yet.
        """
        for table in ("items", "saves"):
            if not self.days(table):
                raise NoDataError(
                    f"day {day}: no {table} were ever delivered; `pinsage ingest --{table} FILE` brings them"
                )
        lacking = self.lacking(day)
        if lacking is not None:
            raise NoDataError(f"day {day}: {lacking}; {self.advice()}")
        if self._awaited(day):
            newest = self.days("saves")[-1]
            raise MissingPartitionError(
                f"day {day}: no saves were delivered for it or any later day, the newest are of {newest}; "
                f"{self.advice()}; or ingest {day} first (where nothing was saved: a FILE without rows and --day {day})"
            )

    def can_model(self, day: str, holdout_days: int) -> bool:
        """Whether there are items and saves for a model of ``day``: at its as-of day, and until then to learn from."""
        if self.lacking(day) is not None or self._awaited(day):
            return False
        if not self.timed(day):
            return True
        as_of = add_days(day, -holdout_days)
        first = self.days("items")[0]
        return self.lacking(as_of) is None and any(
            known >= first and self.raw("saves", known).facts["num_rows"] for known in self.days_for("saves", as_of)
        )

    def advice(self) -> str:
        """What leads to a model, where items and saves were delivered, whatever their days."""
        return advice(self, self._session.config.evaluation.holdout_days)

    def timed(self, day: str) -> bool:
        """Whether the saves that a run for ``day`` reads have times."""
        return bool(self.raw("saves", self.days_for("saves", day)[-1]).facts["timed"])

    def lacking(self, day: str) -> str | None:
        """Which table has nothing that a run for ``day`` could read."""
        for table in ("items", "saves"):
            if not self.days_for(table, day):
                lookback = self._session.config.graph.lookback_days
                reach = "" if table == "items" else f" within the lookback of {lookback} days (graph.lookback_days)"
                known = self.days(table)
                return f"no raw/{table} up to it{reach}; they were delivered for {days_named(known)}"
        return None

    def _awaited(self, day: str) -> bool:
        """Whether ``day`` is after all saves that have times: they may still come."""
        newest = self.days("saves")[-1]
        return day > newest and bool(self.raw("saves", newest).facts["timed"])

    def raw(self, table: str, day: str) -> Version:
        """The raw partition in force.

        Raises:
            MissingPartitionError: The day was not delivered.
        """
        if (table, day) not in self._raw:
            version = self._session.store.referenced(f"raw/{table}/{day}")
            if version is None:
                known = self.days(table)
                span = f"{len(known)} days from {known[0]} to {known[-1]}" if known else "nothing"
                raise MissingPartitionError(
                    f"raw/{table} {day} was never delivered (an empty delivery would be a partition without rows); "
                    f"delivered: {span}; ingest it first"
                )
            self._raw[table, day] = version
        return self._raw[table, day]

    def validated(self, table: str, day: str) -> Version | None:
        """What the raw partition in force was validated to, or None.

        Raises:
            MissingPartitionError: The day was not delivered.
        """
        if (table, day) not in self._validated:
            arguments = self.validation_of(table, day)
            found = None if arguments is None else self._session.store.committed(f"validated/{table}", **arguments)
            if found is None:
                return None
            self._validated[table, day] = found
        return self._validated[table, day]

    def require_validated(self, table: str, day: str) -> Version:
        """What the raw partition in force was validated to.

        Raises:
            MissingPartitionError: The day was not delivered.
            ValidationMissingError: It was, but is not validated.
        """
        version = self.validated(table, day)
        if version is None:
            raise ValidationMissingError(
                f"raw/{table} {day} is not validated; run `pinsage run prepare --day {day}` or trigger pinsage_prepare"
            )
        return version

    def require_all_validated(self, days: Mapping[str, Sequence[str]], day: str) -> dict[str, list[Version]]:
        """What the raw partitions of ``days``, by table, were validated to; the run for ``day`` reads them.

        Raises:
            ValidationMissingError: Some are not validated; the message counts them by table.
        """
        found = {table: [self.validated(table, known) for known in known_days] for table, known_days in days.items()}
        missing = {
            table: [known for known, version in zip(days[table], versions, strict=True) if version is None]
            for table, versions in found.items()
        }
        if any(missing.values()):
            raise ValidationMissingError(
                f"day {day}: not validated yet: "
                + "; ".join(f"raw/{table}: {days_named(known)}" for table, known in missing.items() if known)
                + f"; run `pinsage run prepare --day {day}` or trigger pinsage_prepare"
            )
        return {table: [version for version in versions if version is not None] for table, versions in found.items()}

    def validation_of(self, table: str, day: str) -> dict[str, Any] | None:
        """What the validated partition is made from, as `Store.write` takes it; None while earlier items are not valid.

        Items are held against the first delivery, whose vectors set the widths; saves against every item so far.
        """
        inputs = [self.raw(table, day)]
        items = [known for known in self.days("items") if known <= day]
        if items and not (table == "items" and items[0] == day):
            earlier = self.validated("items", items[0]) if table == "items" else self.known_items(items[-1])
            if earlier is None:
                return None
            inputs.append(earlier)
        config = VALIDATE.fingerprinted(self._session.config, median=self.trailing_median(table, day))
        return {"partition": day, "inputs": inputs, "config": config, "code_version": VALIDATE.code_version}

    def trailing_median(self, table: str, day: str) -> float | None:
        """Median rows of the delivered days in the window before ``day``; None where there are too few."""
        config = self._session.config.validation
        first = add_days(day, -config.volume_window_days)
        counts = [self.raw(table, known).facts["num_rows"] for known in self.days(table) if first <= known < day]
        return float(median(counts)) if len(counts) >= config.volume_min_days else None

    def known_items(self, day: str) -> Version | None:
        """The link of the chain for the last day of items up to ``day``; None while any of them is not validated."""
        before: Version | None = None
        for known in (known for known in self.days("items") if known <= day):
            if known not in self._known_items:
                arguments = self._link(known, before)
                found = None if arguments is None else self._session.store.committed("known_items", **arguments)
                if found is None:
                    return None
                self._known_items[known] = found
            before = self._known_items[known]
        return before

    def record_known_items(self, day: str) -> None:
        """Commit the links of the chain up to ``day`` that are not there yet."""
        before: Version | None = None
        for known in (known for known in self.days("items") if known <= day):
            if known not in self._known_items:
                self.require_validated("items", known)
                arguments = self._link(known, before)
                assert arguments is not None, "the day is validated"
                with self._session.store.write("known_items", **arguments) as out:
                    if not out.is_committed:
                        contents = [version.content_digest for version in arguments["inputs"]]
                        out.facts.update(items_sha256=digest_of(contents))
                self._known_items[known] = out.version
            before = self._known_items[known]

    def _link(self, day: str, before: Version | None) -> dict[str, Any] | None:
        items = self.validated("items", day)
        if items is None:
            return None
        inputs = [items] if before is None else [before, items]
        return {"partition": day, "inputs": inputs, "config": {}, "code_version": KNOWN_ITEMS.code_version}
