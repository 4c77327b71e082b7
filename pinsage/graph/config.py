"""Settings of the graph."""

from pydantic import BaseModel, Field


class GraphConfig(BaseModel, frozen=True, extra="forbid"):
    """Which saves make the graph of a day."""

    lookback_days: int = Field(
        default=400, ge=1, le=36_500, description="Days up to and with the graph's own whose saves are in it."
    )
