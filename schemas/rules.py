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
    """

    measure: str
    meaning: str
    low: float | None = None
    high: float | None = None


def share_rules(reasons: Mapping[str, str], limits: Mapping[str, float]) -> list[Rule]:
    """A rule for the share of rows with each fault, and one for the share of faulty rows altogether.

    Duplicates have a limit of their own and are no part of the whole: at-least-once deliveries repeat rows.

    Args:
        reasons: Fault -> what it means.
        limits: Share that each fault may have; ``quarantined`` where it is not named.
    """
    rules = [
        Rule(f"share_{reason}", f"share of rows: {meaning}", high=limits.get(reason, limits["quarantined"]))
        for reason, meaning in reasons.items()
    ]
    return [*rules, Rule("share_quarantined", "share of faulty rows, duplicates apart", high=limits["quarantined"])]


def volume_rules(limits: Mapping[str, float]) -> list[Rule]:
    """Rules on the number of rows: an empty day, and the ratio to the trailing median."""
    rules = [
        Rule("volume_ratio", "rows over the trailing median", limits["min_volume_ratio"], limits["max_volume_ratio"])
    ]
    if not limits["accept_empty"]:
        rules.insert(0, Rule("num_rows", "rows delivered", low=1))
    return rules


SCHEMA_RULE = Rule("num_schema_faults", "columns missing or of another type", high=0)
