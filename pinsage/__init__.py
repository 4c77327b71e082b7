"""PinSage (Ying et al., KDD 2018): graph, walks, model, training, evaluation, index, store and serving."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pinsage.serving.filters import Filter
    from pinsage.serving.new_items import NewItem
    from pinsage.serving.recommender import Recommender

__all__ = ["Filter", "NewItem", "Recommender"]

_HOMES = {
    "Filter": "pinsage.serving.filters",
    "NewItem": "pinsage.serving.new_items",
    "Recommender": "pinsage.serving.recommender",
}


def __getattr__(name: str) -> Any:
    """Import the reader's library when it is first asked for: most of the package never needs it."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)
