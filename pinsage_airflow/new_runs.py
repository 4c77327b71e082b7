"""What happens to every new run of ours: its configuration is checked against the form, and it is named by its day.

Airflow checks a configuration key by key and takes keys that no parameter has. The id of a run that a person or an
asset started does not say which day it is for. Both are mended where runs are made: in the API server and the
scheduler, which load the plugin, by events of SQLAlchemy on Airflow's own tables, since Airflow has no hook before a
run is there. Where the plugin is not loaded, the first task refuses what the trigger did not.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from airflow.listeners import hookimpl

from pinsage_airflow.forms import DAY, FORMS, refuse_unknown
from pinsage_airflow.run_context import run_day
from tasks.runtime.config import ConfigError

if TYPE_CHECKING:
    from airflow.models.dagrun import DagRun

# Whoever starts a run in another way knows its id beforehand, and may ask for it.
RENAMED = ("ui", "rest_api", "asset")


def listen() -> None:
    """Attend to runs and backfills that are made in this process; twice is once."""
    from airflow.models.backfill import Backfill
    from airflow.models.dagrun import DagRun
    from sqlalchemy import event

    for model, attend in ((DagRun, attend_run), (Backfill, attend_backfill)):
        if not event.contains(model, "init", attend):
            event.listen(model, "init", attend)


def attend_run(run: DagRun, arguments: tuple[Any, ...], fields: dict[str, Any]) -> None:
    """Check and name a run before it is made; ``fields`` are those of the table, and may be changed.

    Raises:
        ParamValidationError: The configuration has a key that the form has not; the API answers 400 with the message.
    """
    from airflow.exceptions import ParamValidationError

    dag = fields.get("dag_id", "")
    try:
        refuse_unknown(dag, fields.get("conf"))
    except ConfigError as error:
        raise ParamValidationError(str(error)) from None
    day = day_of_run(dag, fields.get("conf"), fields.get("partition_key"))
    if day and getattr(fields.get("triggered_by"), "value", None) in RENAMED:
        fields["run_id"] = _named(fields["run_id"], day, fields["run_type"], fields["run_after"])


def attend_backfill(backfill: Any, arguments: tuple[Any, ...], fields: dict[str, Any]) -> None:
    """Check a backfill's configuration before any of its runs is made.

    Raises:
        InvalidBackfillConf: It has a key that the form has not, or a day, for which every one of its runs would be.
    """
    from airflow.models.backfill import InvalidBackfillConf

    dag, configuration = fields.get("dag_id", ""), fields.get("dag_run_conf") or {}
    try:
        refuse_unknown(dag, configuration)
    except ConfigError as error:
        raise InvalidBackfillConf(str(error)) from None
    day = configuration.get(DAY)
    if dag in FORMS and day:
        raise InvalidBackfillConf(
            f"{DAY}: got {day!r}, and every run of the backfill would be for it; leave it empty, "
            "the runs are for the days of its range"
        )


def day_of_run(dag: str, configuration: Mapping[str, Any] | None, partition_key: str | None) -> str | None:
    """The day that a run of one of our DAGs is for, as `run_day` finds it; None where it has none."""
    if dag not in FORMS:
        return None
    context = {"params": configuration or {}, "dag_run": SimpleNamespace(partition_key=partition_key)}
    try:
        return run_day(context, FORMS[dag].days_after_key)
    except (ValueError, AttributeError):  # the run's first task says so
        return None


def _named(run_id: str, day: str, kind: str, after: datetime) -> str:
    """The id with the day after the kind of run; an id that somebody chose is left alone."""
    if not run_id.startswith(f"{kind}__{after.isoformat()}") or day in run_id.split("__"):
        return run_id
    return f"{kind}__{day}__{run_id.removeprefix(f'{kind}__')}"


class DayNotes:
    """Notes the day of a run on it when it starts, unless somebody noted something else; a listener of Airflow."""

    @hookimpl
    def on_dag_run_running(self, dag_run: DagRun, msg: str) -> None:
        """Called by the scheduler, which commits what changes."""
        day = day_of_run(dag_run.dag_id, dag_run.conf, dag_run.partition_key)
        if day and not dag_run.note:
            dag_run.note = f"Day {day}"
