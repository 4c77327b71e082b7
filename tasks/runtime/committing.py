"""The frame of every stage: open the version that the declaration names, write it where it is not there yet, log it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import structlog

from pinsage.store import Version, Writer
from tasks.runtime.session import Session
from tasks.runtime.stages import Stage

log = structlog.get_logger()


def stage_writer(session: Session, stage: Stage, day: str, inputs: Sequence[Version], **more: Any) -> Writer:
    """Open the writer of the version that a stage makes of these inputs and the session's settings.

    Args:
        session: Store and configuration.
        stage: Its declaration.
        day: The partition.
        inputs: The versions that it reads.
        more: What only a part of the stage depends on, such as the number of a shard.
    """
    assert stage.dataset, f"{stage.name} commits nothing"
    return session.store.write(
        stage.dataset,
        partition=day,
        inputs=inputs,
        config=stage.fingerprinted(session.config, **more),
        code_version=stage.code_version,
    )


def commit_stage(
    session: Session,
    stage: Stage,
    day: str,
    inputs: Sequence[Version],
    write: Callable[[Writer], None],
    **more: Any,
) -> Version:
    """Return the stage's version: the committed one, or else what ``write`` writes now.

    Args:
        session: As for `stage_writer`.
        stage: As for `stage_writer`.
        day: As for `stage_writer`.
        inputs: As for `stage_writer`.
        write: Reads, computes, checks and writes into the writer that it is given.
        more: As for `stage_writer`.
    """
    with stage_writer(session, stage, day, inputs, **more) as out:
        new = not out.is_committed
        if new:
            write(out)
    log_version(stage, out.version, new=new)
    return out.version


def log_version(stage: Stage, version: Version, *, new: bool) -> None:
    """One line for a stage that ended, whether it computed its version or found it."""
    measurements = version.measurements if new else {}
    log.info(stage.name, version=version.uri, new=new, **version.facts, **measurements)
