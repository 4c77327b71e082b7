"""Which columns of the user's files play which part. Parts whose column defaults to None are optional."""

from pydantic import BaseModel, Field, model_validator

from schemas.columns import CATEGORICAL, NUMERIC, VECTOR, check_feature_name
from tasks.data.ingestion.csv_files import CsvOptions


class IngestMapping(BaseModel, frozen=True, extra="forbid"):
    """Column names of the user's files, by the part they play.

    An optional part that is not named (None) is taken from the column of the same name when the file has one, but for
    the weight; a column that is named must exist.
    """

    item_id: str = Field(default="item_id", description="Column with the item's id, in every file.")
    board_id: str = Field(default="board_id", description="Column of the saves with the board's id.")
    timestamp: str | None = Field(
        default=None,
        description="Column of the saves with the time of the save (default saved_at; without one, data is untimed).",
    )
    weight: str | None = Field(
        default=None,
        description="Column of the saves with their weight, above 0; never taken unnamed: without it each weighs 1.",
    )
    item_timestamp: str | None = Field(
        default=None, description="Column of the items with the time from which the item is known."
    )
    query_id: str = Field(default="query_id", description="Column of the engagements with the query item's id.")
    engagement_timestamp: str | None = Field(
        default=None, description="Column of the engagements with their time (default engaged_at, then the saves')."
    )
    timestamp_unit: str = Field(
        default="auto",
        pattern="^(auto|s|ms|us|ns)$",
        description="Unit of numbers since 1970; auto takes the one by which they lie in the years 1995 to 2099.",
    )
    id_type: str = Field(
        default="auto",
        pattern="^(auto|int64|string)$",
        description="Type of ids in the store; auto keeps integers when every file has integers.",
    )
    title: str | None = Field(default=None, description="Column of the items that people read (default title).")
    text: str | None = Field(default=None, description="Column of the items with text to featurise (default text).")
    image_url: str | None = Field(default=None, description="Column of the items with a picture (default image_url).")
    vectors: dict[str, str] = Field(
        default_factory=dict, description="Feature vectors of the items: name -> list column of numbers of one width."
    )
    categorical: tuple[str, ...] = Field(
        default=(), description="Columns of the items with categories; a list column holds several for an item."
    )
    numeric: tuple[str, ...] = Field(default=(), description="Columns of the items with numbers.")
    split_seed: int = Field(
        default=41, ge=0, le=2**31 - 1, description="Seed of the split of untimed boards into train, tune and test."
    )

    delimiter: str | None = Field(
        default=None,
        pattern=r"^[\x01\t !#-/:-@\[\]^`{-~]$",
        description="Character between the columns of CSV files; without one it is told from their header.",
    )
    csv_dialect: str = Field(
        default="auto",
        pattern="^(auto|excel|spark|mysql|text)$",
        description="How CSV files write quotes and backslashes; auto tells it from the files.",
    )
    nulls: tuple[str, ...] = Field(
        default=(), description="Fields of CSV files that mean no value, such as NULL, besides empty ones and \\N."
    )

    @property
    def csv_options(self) -> CsvOptions:
        """What was stated of CSV files."""
        return CsvOptions(self.delimiter, self.csv_dialect, self.nulls)

    @model_validator(mode="after")
    def _check_names(self) -> "IngestMapping":
        for name in self.vectors:
            check_feature_name(VECTOR, name)
        for prefix, columns in ((CATEGORICAL, self.categorical), (NUMERIC, self.numeric)):
            for column in columns:
                check_feature_name(prefix, column)
            if len(set(columns)) != len(columns):
                raise ValueError(f"{prefix.rstrip('.')} columns {list(columns)}: each column may be named once")
        return self


def parse_vector_options(options: list[str]) -> dict[str, str]:
    """Turn ``["image=embedding", "embedding"]`` of the command line into ``{"image": "embedding", ...}``.

    A column without a name before it names its vector itself.

    Raises:
        ValueError: An option has an empty side, or two options give one vector name.
    """
    vectors: dict[str, str] = {}
    for option in options:
        name, separator, column = option.partition("=")
        column = column if separator else name
        if not name or not column:
            raise ValueError(f"--vector {option!r}: expected NAME=COLUMN, for instance --vector image=embedding")
        if name in vectors:
            raise ValueError(f"--vector {option!r}: the vector {name!r} is given twice; choose another name")
        vectors[name] = column
    return vectors
