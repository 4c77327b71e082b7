"""What goes over the wire; the OpenAPI page is made of these."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StrictInt, StrictStr

from pinsage.serving.answers import Answer, Recommendation
from pinsage.serving.filters import Filter
from pinsage.serving.new_items import NewItem
from pinsage.serving.recommender import DECAY, SIMILAR

# Bounds of what is read at all; what a service answers is bounded by its settings.
MAX_NAMED = 100_000
MAX_COLUMNS = 1_000
MAX_TEXT = 1 << 15


def _few(columns: Any) -> Any:
    if isinstance(columns, dict) and len(columns) > MAX_COLUMNS:
        raise ValueError(f"got {len(columns)} columns, expected at most {MAX_COLUMNS}")
    return columns


def _short(text: Any) -> Any:
    if isinstance(text, str) and len(text) > MAX_TEXT:
        raise ValueError(f"got {len(text)} characters, expected at most {MAX_TEXT}")
    return text


# By a bound pydantic also refuses half a surrogate pair, which could not be sent back.
Name = Annotated[StrictStr, Field(max_length=65_536)]
ItemId = StrictInt | Annotated[Name, Field(min_length=1)]
# One wrong entry of a list is told, not a hundred thousand.
ItemIds = Annotated[list[ItemId], Field(fail_fast=True, max_length=MAX_NAMED)]
Categories = Annotated[list[Name], Field(fail_fast=True, max_length=MAX_NAMED)]
Finite = Annotated[float, Field(allow_inf_nan=False)]
Text = Annotated[str, BeforeValidator(_short)]
Few = BeforeValidator(_few)
Popularity = Annotated[float, Field(ge=0, le=10, description="0 = alike, 1 = most likely taken next.")]


class Item(BaseModel):
    """An item of an answer."""

    item_id: int | str
    key: str = Field(description="The id as text, as it stands in addresses; JavaScript rounds large numbers.")
    title: str
    category: str = Field(description="Its categories in one text.")
    categories: tuple[str, ...] = Field(description="Its categories.")
    score: float
    image_url: str | None

    @classmethod
    def of(cls, found: Recommendation) -> Item:
        """From what the library answers."""
        # Nothing is validated: it comes from a verified version, and this is the hot path.
        return cls.model_construct(key=str(found.item_id), **vars(found))


class Items(BaseModel):
    """An answer: items, best first, all from one version."""

    version: str = Field(description="URI of the index that answered.")
    items: list[Item]
    skipped: list[int | str] = Field(
        default=[], description="Ids of the question that this version does not hold, or has no embedding of."
    )
    unknown_categories: list[str] = Field(default=[], description="Categories of the filter that no item has.")

    @classmethod
    def of(cls, answer: Answer) -> Items:
        """From what the library answers."""
        items = [Item.of(each) for each in answer]
        return cls.model_construct(
            version=answer.version,
            items=items,
            skipped=list(answer.skipped),
            unknown_categories=list(answer.unknown_categories),
        )


class Placed(Item):
    """An item as the explorer shows it."""

    place: tuple[float, float] | None = Field(
        default=None,
        description="Where it is on the map, x and y between 0 and 1; nothing for an item that is not on it.",
    )
    facts: dict[str, str | float] = Field(
        default={}, description="Its other categorical and numeric columns, such as brand and price."
    )
    shared_boards: int | None = Field(
        default=None, description="Boards that hold it together with the item asked about."
    )


class Compared(BaseModel):
    """Answers of several methods for one item, all from one version."""

    version: str
    item: Placed = Field(description="Its score is the number of boards that hold it.")
    methods: dict[str, list[Placed]]
    num_visits: int | None = Field(
        default=None, description="Visits that the sampled walks made; nothing where they are too many to tell."
    )
    hops_counted: bool = Field(
        default=False, description="Whether random_walk counts hops over all boards, because the visits are too few."
    )


class Together(BaseModel):
    """An answer for several items, with these items."""

    version: str
    asked: list[Placed] = Field(description="The items asked about, as asked; their scores are their weights.")
    items: list[Placed]
    skipped: list[int | str] = Field(description="Ids of the question that say nothing.")
    unknown_categories: list[str] = Field(description="Categories of the question that no item has.")


class NewItemMessage(BaseModel):
    """An item that is not in the catalogue; see the columns that the data was ingested with."""

    model_config = ConfigDict(extra="forbid")

    title: Text | None = None
    text: Text | None = None
    categories: Annotated[dict[str, Text], Few] = {}
    numbers: Annotated[dict[str, Finite], Few] = {}
    vectors: Annotated[dict[str, Annotated[list[Finite], Field(fail_fast=True)]], Few] = {}

    def as_item(self) -> NewItem:
        """For the library."""
        return NewItem(self.title, self.text, self.categories, self.numbers, self.vectors)


class SimilarRequest(BaseModel):
    """A question for several items of the catalogue, the newest first, or for one new item."""

    model_config = ConfigDict(extra="forbid")

    items: ItemIds = Field(default=[], description="Ids, the newest first; unknown ones are skipped.")
    new_item: NewItemMessage | None = Field(default=None, description="Instead of items.")
    k: int = Field(default=10, ge=1, description="Items wanted.")
    decay: float = Field(default=DECAY, ge=0, le=1, description="Weight of each older item relative to the one before.")
    popularity: Popularity = SIMILAR
    categories: Categories | None = Field(default=None, description="Answer only items that have any of these.")
    allowed_ids: ItemIds | None = Field(default=None, description="Answer only these items.")
    excluded_ids: ItemIds = Field(default=[], description="Answer none of these items.")
    version: str | None = Field(default=None, max_length=512, description="Ask this earlier published version.")

    def num_named(self) -> int:
        """Ids and categories that the request names."""
        num_ids = len(self.items) + len(self.allowed_ids or []) + len(self.excluded_ids)
        return num_ids + len(self.categories or [])

    def as_filter(self) -> Filter:
        """For the library."""
        return Filter(self.categories, self.allowed_ids, self.excluded_ids)


class Health(BaseModel):
    """Whether it answers, from what, and what it refused."""

    status: str = Field(description="ok, or degraded: a newer version was refused.")
    version: str
    number: int = Field(description="Number of the publication in use.")
    num_items: int
    refused: dict[str, Any] | None = Field(description="The newer version that was refused, and why.")


class Publication(BaseModel):
    """One entry of the publication log."""

    number: int
    version: str
    day: str
    recorded_at: str
    details: dict[str, Any]


class Publications(BaseModel):
    """The version in use, and the newest publications, newest first."""

    version: str
    publications: list[Publication]


class Category(BaseModel):
    """A category and its items."""

    name: str
    num_items: int


class Overview(BaseModel):
    """What a person sees first."""

    version: str
    num_items: int
    categories: list[Category] = Field(description="The largest ones.")
    starters: list[Placed] = Field(description="Popular items of different categories, to begin with.")


class MapDescription(BaseModel):
    """What the points of a map are."""

    version: str
    num_points: int
    num_items: int
    categories: list[Category] = Field(description="A point's category is a position in this list.")


class Fault(BaseModel):
    """Why there is no answer."""

    detail: str
