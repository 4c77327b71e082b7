"""Settings of serving: where the service listens, how often it looks for a new version, what a request may ask."""

from pydantic import BaseModel, Field


class ServingConfig(BaseModel, frozen=True, extra="forbid"):
    """How published versions are read and served; nothing here is part of a version."""

    host: str = Field(
        default="127.0.0.1",
        min_length=1,
        max_length=255,
        description="Address that the service listens on; loopback unless something in front of it authenticates.",
    )
    port: int = Field(default=8080, ge=0, le=65_535, description="Port that the service listens on; 0 = any free one.")
    allowed_hosts: tuple[str, ...] = Field(
        default=(),
        max_length=100,
        description="Names beside loopback and `host` that requests may call the service by (their `Host`), a JSON "
        'list such as ["recommender.example.com"]; "*.example.com" = all below it, "*" = any.',
    )
    request_seconds: float = Field(
        default=15.0, gt=0, le=3600, description="Seconds in which a client must send its request, and read the answer."
    )
    max_connections: int = Field(
        default=1000,
        ge=1,
        le=100_000,
        description="Most open connections; one more replaces the one that has not sent a request for longest.",
    )
    poll_seconds: float = Field(
        default=10.0, ge=0, le=86_400, description="Seconds between two looks for a new version; 0 = only when asked."
    )
    max_k: int = Field(default=500, ge=1, le=100_000, description="Most items that one request may ask for.")
    max_query_items: int = Field(
        default=1000, ge=1, le=100_000, description="Most items and categories that one request may name."
    )
    max_body_bytes: int = Field(
        default=1 << 20, ge=1024, le=1 << 28, description="Largest body of a request, in bytes."
    )
    earlier_versions: int = Field(
        default=2, ge=1, le=64, description="Earlier published versions kept open for comparisons."
    )
