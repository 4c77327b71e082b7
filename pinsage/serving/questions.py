"""What may be asked: everything else is refused in words, before it becomes an error of numpy or a nonsense answer."""

from __future__ import annotations

from collections.abc import Iterable
from math import isfinite
from numbers import Integral, Real
from typing import Any

from pinsage.serving.answers import RefusedRequestError


def check_k(k: Any) -> None:
    """Refuse what is no number of items."""
    if isinstance(k, bool) or not isinstance(k, Integral) or k < 1:
        raise RefusedRequestError(f"k: got {k!r}, expected how many items are wanted, a whole number from 1")


def check_popularity(popularity: Any) -> None:
    """Refuse a weight of the popularity term that is none."""
    if not isinstance(popularity, Real) or not isfinite(popularity) or float(popularity) < 0:
        raise RefusedRequestError(
            f"popularity: got {popularity!r}, expected a number from 0 (what is alike); 1 asks what is taken next"
        )


def check_decay(decay: Any) -> None:
    """Refuse a decay that would not make older items count less."""
    if not isinstance(decay, Real) or not 0 <= float(decay) <= 1:
        raise RefusedRequestError(
            f"decay: got {decay!r}, expected a number from 0 (only the newest item counts) to 1 (all count alike)"
        )


def as_list(what: str, values: Iterable[Any]) -> list[Any]:
    """Several values; a text is none, although its letters could be taken one by one."""
    if isinstance(values, str | bytes) or not isinstance(values, Iterable):
        raise RefusedRequestError(f"{what}: got {values!r}, expected a list, such as [{values!r}]")
    return list(values)
