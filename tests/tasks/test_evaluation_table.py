"""Which of a day's evaluations is shown."""

from __future__ import annotations

from pathlib import Path

from pinsage.store import Version
from tasks.evaluation_table import metrics_of_day
from tasks.session import Session

BEFORE, DAY = "2026-03-01", "2026-03-02"


def model_of(session: Session, day: str) -> Version:
    with session.store.write("model", partition=day, inputs=[], config={}, code_version=1) as out:
        pass
    return out.version


def evaluation_of(session: Session, model: Version, **settings: object) -> Version:
    config = session.config.evaluation.measurable.model_copy(update=settings)
    with session.store.write("evaluation", partition=DAY, inputs=[model], config=config, code_version=1) as out:
        out.write_json("metrics", {"methods": {}})
    return out.version


def test_of_the_days_own_model_as_it_was_promoted_else_of_the_settings_given(memory_folder: Path) -> None:
    session = Session.open(str(memory_folder))
    old, new = model_of(session, BEFORE), model_of(session, DAY)
    session.store.ref("champion").append(old.uri)
    for_decision = evaluation_of(session, old)
    assert metrics_of_day(session, DAY)["version"] == for_decision.uri
    others = [evaluation_of(session, new, max_queries=number) for number in range(1, 6)]
    own = evaluation_of(session, new)
    assert metrics_of_day(session, DAY)["version"] == own.uri
    session.store.ref("champion").append(new.uri, details={"evaluation": others[2].uri})
    assert metrics_of_day(session, DAY)["version"] == others[2].uri
