"""What the three DAGs have in common: the assets between them, their forms, pools and defaults."""

import os
from datetime import timedelta
from typing import Any

from airflow.sdk import Asset, Param

from pinsage_airflow.alerts import report_failure
from pinsage_airflow.forms import DAY, FORMS, OPEN_SECTION, form
from pinsage_airflow.retries import StageRetries
from pinsage_airflow.run_context import CHAMPION_ASSET, PREPARED_ASSET

PREPARED = Asset(PREPARED_ASSET)
CHAMPION = Asset(CHAMPION_ASSET)

# Airflow never schedules a task whose pool does not exist; so pools are named only where somebody made them.
GPU_POOL = os.environ.get("PINSAGE_GPU_POOL", "default_pool")
DASK_POOL = os.environ.get("PINSAGE_DASK_POOL", "default_pool")
# The same holds for a queue that no Celery worker takes from.
TRAINER_QUEUE = os.environ.get("PINSAGE_TRAINER_QUEUE", "default")

DEFAULTS: dict[str, Any] = {
    "owner": "pinsage",
    "retries": 3,
    "retry_delay": timedelta(seconds=30),
    "retry_policy": StageRetries(),
    "execution_timeout": timedelta(hours=6),
    "on_failure_callback": report_failure,
}
TRAINING_TIMEOUT = timedelta(hours=24)

DAY_FIELD = Param(
    None,
    type=["null", "string"],
    format="date",
    title="Day (required)",
    description="The day that the run is for, in UTC; nothing else must be filled. Scheduled runs know theirs.",
    section=OPEN_SECTION,
)


def trigger_form(dag: str, **switches: Param) -> dict[str, Param]:
    """The form of a DAG: its day and ``switches`` open, and folded every setting of its sections of the config."""
    assert set(switches) == set(FORMS[dag].switches), "what is not declared is refused when a run is triggered"
    settings = {name: Param(**field) for name, field in form(*FORMS[dag].sections).items()}
    return {DAY: DAY_FIELD, **switches, **settings}
