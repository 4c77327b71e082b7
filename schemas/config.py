"""Settings of validation: what a raw partition may look like and still be used."""

from pydantic import BaseModel, Field


class ValidationConfig(BaseModel, frozen=True, extra="forbid"):
    """What a raw partition may look like and still be used."""

    max_quarantine_share: float = Field(
        default=0.1,
        ge=0,
        le=1,
        description="Share of a partition's rows that may be faulty (unknown items, duplicates and saves without board "
        "have limits of their own); they are quarantined, above it the day fails.",
    )
    max_unknown_item_share: float = Field(
        default=0.2,
        ge=0,
        le=1,
        description="Share of saves or engagements of items that no items partition up to the day holds.",
    )
    max_no_board_share: float = Field(
        default=0.9,
        ge=0,
        le=1,
        description="Share of saves without a board, such as those of a shop's guests where people are boards.",
    )
    max_duplicate_share: float = Field(
        default=0.8,
        ge=0,
        le=1,
        description="Share of rows that repeat the key of an earlier row; the first is kept, the others quarantined.",
    )
    min_share_rows: int = Field(
        default=50,
        ge=1,
        le=1_000_000,
        description="Rows that a smaller partition is taken to have when shares are formed: one row fails no day.",
    )
    accept_empty: bool = Field(
        default=True, description="A delivered partition without rows is accepted with a warning instead of failing."
    )
    accept_zero_vectors: bool = Field(
        default=True, description="A vector of zeros counts as no vector instead of a fault of its row."
    )
    max_id_bytes: int = Field(
        default=512, ge=1, le=65_536, description="Longest string id, in bytes of UTF-8; longer ones are quarantined."
    )
    volume_window_days: int = Field(
        default=28,
        ge=1,
        le=366,
        description="Days before the day whose median number of rows the volume is held against.",
    )
    volume_min_days: int = Field(
        default=7, ge=1, le=366, description="Delivered days in that window below which the volume is not judged."
    )
    volume_min_median: int = Field(
        default=200, ge=0, le=1_000_000_000, description="Median rows a day below which the volume is not judged."
    )
    min_volume_ratio: float = Field(
        default=0.001,
        ge=0,
        le=1,
        description="Fewest saves or engagements of a day, as a multiple of the trailing median, or the day fails.",
    )
    max_volume_ratio: float = Field(
        default=100.0,
        ge=1,
        le=1e6,
        description="Most saves or engagements of a day, as a multiple of the trailing median, or the day fails.",
    )
    odd_volume_factor: float = Field(
        default=10.0,
        ge=1,
        le=1e6,
        description="A day with so many times more or fewer saves than the trailing median is accepted with a warning: "
        "holidays, sales and days that were exported half look so.",
    )
    degree_min_saves: int = Field(
        default=5_000,
        ge=1,
        le=1_000_000_000,
        description="Saves of one board or item in one day below which its degree is no explosion, whatever its share.",
    )
    max_board_share: float = Field(
        default=0.5, gt=0, le=1, description="Share of a day's saves that one board may hold."
    )
    max_item_share: float = Field(
        default=0.25, gt=0, le=1, description="Share of a day's saves that one item may receive."
    )
    num_samples: int = Field(
        default=5, ge=0, le=100, description="Faulty rows shown for each rule in messages and result documents."
    )
