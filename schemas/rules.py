"""What a rule is: a measure of one delivered partition and the range it must lie in.

Arrow kernels take the measures, row by row; Great Expectations judges the small table of measures, one row per day.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Rule:
    """A measure and its range.

    Attributes:
        measure: Column of the table of measures.
        meaning: What it says, for people.
        low: Smallest allowed value, inclusive; None = unbounded.
        high: Largest allowed value, inclusive; None = unbounded.
        settings: What sets the range, of the section ``validation``; empty where nothing does.
    """

    measure: str
    meaning: str
    low: float | None = None
    high: float | None = None
    settings: str = ""

    @property
    def expected(self) -> str:
        """The range in words."""
        if self.low is None:
            return f"at most {self.high}"
        return f"at least {self.low}" if self.high is None else f"{self.low} to {self.high}"


# Faults with a limit of their own, no part of the share of faulty rows: at-least-once deliveries repeat rows, a catalog
# lacks what is no longer sold, and a shop has guests.
LIMITED_APART = ("duplicate", "unknown_item", "no_board")


def share_rules(reasons: Mapping[str, str], limits: Mapping[str, float]) -> list[Rule]:
    """A rule for the share of rows with each fault, and one for the share of faulty rows altogether.

    Args:
        reasons: Fault -> what it means.
        limits: Share that each fault of `LIMITED_APART` may have; ``quarantined`` for the others and altogether.
    """
    rules = []
    for reason, meaning in reasons.items():
        limit, setting = ("quarantined", "quarantine") if reason not in LIMITED_APART else (reason, reason)
        rules.append(
            Rule(f"share_{reason}", f"share of rows: {meaning}", high=limits[limit], settings=f"max_{setting}_share")
        )
    faulty = "share of rows with other faults than those with a limit of their own"
    return [*rules, Rule("share_quarantined", faulty, high=limits["quarantined"], settings="max_quarantine_share")]


def volume_rules(limits: Mapping[str, float]) -> list[Rule]:
    """Rules on the number of rows: an empty day, and the ratio to the trailing median."""
    rules = [
        Rule(
            "volume_ratio",
            "rows over the trailing median",
            limits["min_volume_ratio"],
            limits["max_volume_ratio"],
            settings="min_volume_ratio, max_volume_ratio",
        )
    ]
    if not limits["accept_empty"]:
        rules.insert(0, Rule("num_rows", "rows delivered", low=1, settings="accept_empty"))
    return rules


SCHEMA_RULE = Rule("num_schema_faults", "columns missing or of another type", high=0)
