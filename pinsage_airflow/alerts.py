"""Telling people: a task failed for good, or a day was not done in time.

Both are logged, and posted as JSON to the webhook in ``PINSAGE_ALERT_URL`` when it is set (Slack, Teams and
Alertmanager bridges take ``{"text": ...}``).
"""

from __future__ import annotations

import json
import logging
import os
import urllib.request
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from airflow.sdk.definitions.callback import SyncCallback
from airflow.sdk.definitions.deadline import DeadlineAlert, DeadlineReference

WEBHOOK_VARIABLE = "PINSAGE_ALERT_URL"
DEADLINE_VARIABLE = "PINSAGE_DEADLINE_HOURS"

log = logging.getLogger(__name__)


def report_failure(context: Mapping[str, Any]) -> None:
    """Of a task that failed and is not tried again; Airflow's ``on_failure_callback``."""
    instance = context["ti"]
    _tell(f"{instance.dag_id}.{instance.task_id} failed in {instance.run_id}: {context.get('exception')}")


def report_late(context: Mapping[str, Any]) -> None:
    """Of a run that missed its deadline; called by the executor whether the run is at work, stuck or failed."""
    run = context["dag_run"]
    _tell(f"{run['dag_id']} is late: {run['dag_run_id']} is {run['state']}, its results are not fresh")


def deadline() -> DeadlineAlert | None:
    """Alert when a run is not done so many hours after it was queued; none when the variable is empty."""
    hours = os.environ.get(DEADLINE_VARIABLE)
    if not hours:
        return None
    return DeadlineAlert(
        reference=DeadlineReference.DAGRUN_QUEUED_AT,
        interval=timedelta(hours=float(hours)),
        callback=SyncCallback(report_late),
    )


def _tell(text: str) -> None:
    log.error(text)
    url = os.environ.get(WEBHOOK_VARIABLE)
    if not url:
        return
    if not url.startswith(("https://", "http://")):
        raise ValueError(f"{WEBHOOK_VARIABLE} is {url.split(':', 1)[0]}:..., expected an http or https address")
    request = urllib.request.Request(
        url, data=json.dumps({"text": text}).encode(), headers={"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=10):
        pass
