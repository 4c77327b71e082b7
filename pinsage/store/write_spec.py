"""What a version is made from, before it is made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict

from pinsage.store.digests import plain
from pinsage.store.manifest import Input, fingerprint_of
from pinsage.store.names import check_name, check_path_name
from pinsage.store.version import Version


class WriteSpec(BaseModel):
    """What a version is made from; enough to go on writing its chunks in another process."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    dataset: str
    partition: str
    fingerprint: str
    code_version: int
    inputs: tuple[Input, ...]
    config: dict[str, Any]


def write_spec(
    dataset: str, partition: str, inputs: Sequence[Version], config: BaseModel | Mapping[str, Any], code_version: int
) -> WriteSpec:
    """What a version is made from, with its fingerprint."""
    check_path_name(dataset)
    check_name(partition, "partition")
    used = tuple(Input(uri=version.uri, content_digest=version.content_digest) for version in inputs)
    settings = plain(config if isinstance(config, BaseModel) else dict(config))
    return WriteSpec(
        dataset=dataset,
        partition=partition,
        fingerprint=fingerprint_of(dataset, partition, code_version, used, settings),
        code_version=code_version,
        inputs=used,
        config=settings,
    )
