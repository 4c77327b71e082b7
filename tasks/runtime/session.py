"""A session: the store and the configuration that every stage of a run is given."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pinsage.store import Store
from tasks.runtime.config import PinSageConfig, load_config


@dataclass(frozen=True)
class Session:
    """What a stage works with; it holds nothing that changes during a run."""

    store: Store
    config: PinSageConfig

    @classmethod
    def open(cls, root: str, overrides: Mapping[str, Any] | None = None) -> Session:
        """Open the store at ``root`` and compose the configuration.

        Args:
            root: Local folder, ``s3://bucket/prefix`` or ``gs://bucket/prefix``.
            overrides: Flat settings such as ``{"features.text_width": 64}``.

        Raises:
            ConfigError: A setting is unknown or out of range.
            UnsafeStoreError: The storage ignores conditional puts.
        """
        return cls(Store.open(root), load_config(overrides))
