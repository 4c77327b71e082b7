"""What a reader gets: recommendations, and the version that they all come from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import overload


class NothingPublishedError(LookupError):
    """The store has no published index yet."""


class UnknownItemError(LookupError):
    """The published index does not know the item."""


class UnknownVersionAskedError(LookupError):
    """The version was never published, or is not there any more."""


class RefusedRequestError(ValueError):
    """A question cannot be answered as it is asked; the message says what would be."""


class NothingKnownError(RefusedRequestError):
    """A new item brings nothing that the model understands."""


@dataclass(frozen=True)
class Recommendation:
    """An item that was found.

    Attributes:
        item_id: Its id.
        title: What people read; the id where the data has no title.
        category: Its categories in one text, such as "rock, jazz".
        score: The model's; in a search, 1 where the title holds the very words.
        image_url: A picture.
        categories: Its categories.
    """

    item_id: int | str
    title: str
    category: str
    score: float
    image_url: str | None
    categories: tuple[str, ...] = ()


@dataclass(frozen=True)
class Answer(Sequence[Recommendation]):
    """Items, best first, all from one version.

    Attributes:
        version: URI of the index that answered.
        items: What was found.
        skipped: Ids that were asked with others but say nothing: the version does not hold them, or has no embedding of
            them.
        unknown_categories: Categories of the filter that no item of the version has.
    """

    version: str
    items: tuple[Recommendation, ...]
    skipped: tuple[int | str, ...] = ()
    unknown_categories: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.items)

    @overload
    def __getitem__(self, position: int) -> Recommendation: ...

    @overload
    def __getitem__(self, position: slice) -> tuple[Recommendation, ...]: ...

    def __getitem__(self, position: int | slice) -> Recommendation | tuple[Recommendation, ...]:
        return self.items[position]
