"""Settings of the graph."""

from typing import Any, Self

from pydantic import BaseModel, Field


class GraphConfig(BaseModel, frozen=True, extra="forbid"):
    """Which saves make the graph of a day."""

    lookback_days: int = Field(
        default=400, ge=1, le=36_500, description="Days up to and with the graph's own whose saves are in it."
    )
    min_board_items: int = Field(
        default=1, ge=1, le=1_000_000_000, description="Boards with fewer items lose all their edges."
    )
    max_board_items: int = Field(
        default=0, ge=0, le=1_000_000_000, description="Boards with more items lose all their edges; 0 = no limit."
    )
    degree_exponent: float = Field(
        default=1.0,
        gt=0,
        le=1,
        description="An item of degree d keeps max(min(d ** exponent, degree_cap), degree_floor) edges.",
    )
    degree_cap: int = Field(
        default=0, ge=0, le=1_000_000_000, description="Most edges that an item keeps; 0 = no limit."
    )
    degree_floor: int = Field(
        default=10, ge=1, le=1_000_000, description="Edges up to which nothing is taken from an item."
    )
    prune_seed: int = Field(default=0, ge=0, lt=2**32, description="Seed of the draw of the edges that an item keeps.")
    recency_half_life_days: float = Field(
        default=0.0,
        ge=0,
        le=36_500,
        description="Days after which an edge, by its newest save, weighs half; 0 = edges have no weights.",
    )

    @property
    def of_catalog(self) -> dict[str, Any]:
        """The settings that say which partitions are read."""
        return self.model_dump(include={"lookback_days"})

    @property
    def of_graph(self) -> dict[str, Any]:
        """The settings that say what is made of them."""
        return self.model_dump(exclude={"lookback_days"})

    @property
    def limits_boards(self) -> bool:
        """Whether boards outside a range of sizes are left out."""
        return self.min_board_items > 1 or self.max_board_items > 0

    @property
    def limits_degrees(self) -> bool:
        """Whether items lose edges."""
        return self.degree_exponent < 1 or self.degree_cap > 0

    @property
    def is_pruned(self) -> bool:
        """Whether edges are left out."""
        return self.limits_boards or self.limits_degrees

    @property
    def unpruned(self) -> Self:
        """The same without leaving out edges."""
        rules = ("min_board_items", "max_board_items", "degree_exponent", "degree_cap", "degree_floor")
        return self.model_copy(update={name: type(self).model_fields[name].default for name in rules})

    @property
    def is_plain(self) -> bool:
        """Whether the graph is all the saves and nothing else: only then days can be added to it."""
        return not (self.is_pruned or self.recency_half_life_days)
