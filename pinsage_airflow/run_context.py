"""What a DAG run is for and with which settings; knows Airflow's context only as a mapping, and does not import it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import date
from typing import Any

from pinsage_airflow.forms import form as form
from pinsage_airflow.forms import refuse_unknown, settings_of
from tasks.runtime.days import add_days, check_day

ROOT_VARIABLE = "PINSAGE_ROOT"
CRON_VARIABLE = "PINSAGE_CRON"
PREPARED_ASSET = "pinsage://prepared"
CHAMPION_ASSET = "pinsage://champion"


def run_day(context: Mapping[str, Any], days_after_key: int = 0) -> str:
    """The day that a run is for: the form's, else the partition key, else the start of the data interval.

    Args:
        context: Airflow's task context.
        days_after_key: Added to a partition key: 6 where the key is the Monday of a finished week.

    Raises:
        ValueError: None of them is given, or it is no day.
    """
    given = context["params"].get("day")
    if given:
        return check_day(str(given))
    run = context.get("dag_run")
    key = getattr(run, "partition_key", None)
    if key:
        return add_days(check_day(str(key)[:10]), days_after_key)
    start = context.get("data_interval_start")
    if start is not None:
        return date(start.year, start.month, start.day).isoformat()
    raise ValueError(
        "this run has neither a day in its form nor a partition key: trigger it with the day it is for, "
        'for instance {"day": "2026-03-01"}'
    )


def open_run(context: Mapping[str, Any], days_after_key: int = 0) -> tuple[Any, str]:
    """The session of a run, with the settings of its form that differ from their defaults, and its day.

    Airflow hands over whatever the trigger's JSON holds, not only the fields of the form; so all of it is checked here,
    also where the trigger's own check was not installed.

    Raises:
        ValueError: The store's root is not configured, or the day is unknown.
        ConfigError: A setting is unknown, out of range, or not for a run to choose.
    """
    from tasks.runtime.session import Session

    root = os.environ.get(ROOT_VARIABLE)
    if not root:
        raise ValueError(
            f"{ROOT_VARIABLE} is not set; set it to the store's root, a folder or s3:// URL, for every worker"
        )
    params = context["params"]
    refuse_unknown(getattr(context.get("dag_run"), "dag_id", ""), params)
    return Session.open(root, settings_of(params)), run_day(context, days_after_key)


def open_embedding(context: Mapping[str, Any], model: str, basis: Mapping[str, str]) -> Any:
    """What the tasks that embed a day work with: a `tasks.embed.sources.EmbeddingSources`.

    Args:
        context: Airflow's task context.
        model: URI of the model.
        basis: URIs of the ``features`` in the model's basis, and of the ``neighborhoods``.
    """
    from tasks.embed.sources import EmbeddingSources
    from tasks.prepare.prepared import open_prepared

    session, day = open_run(context)
    versions = map(session.store.version, (model, basis["features"], basis["neighborhoods"]))
    return EmbeddingSources.of(session, open_prepared(session, day), *versions)
