"""### PinSage: prepare a day

Validate what was delivered and is not validated yet, then build graph, features and neighborhoods as of the day.
A daily run is for the day before; trigger it by hand for any delivered day. Finished work is found, not done again.
"""

import os
from datetime import datetime

from airflow.sdk import CronPartitionTimetable, PartitionedAtRuntime, dag, task_group

from pinsage_airflow import prepare_tasks as tasks
from pinsage_airflow.alerts import deadline
from pinsage_airflow.links import DASK_DASHBOARD, DATA_DOCS, with_links
from pinsage_airflow.run_context import CRON_VARIABLE
from pinsage_airflow.wiring import DEFAULTS, trigger_form

CRON = os.environ.get(CRON_VARIABLE, "0 0 * * *")
DAILY = CronPartitionTimetable(CRON, timezone="UTC", run_offset=-1, key_format="%Y-%m-%d") if CRON else None


@dag(
    schedule=DAILY or PartitionedAtRuntime(),
    start_date=datetime(2017, 1, 1),
    catchup=False,
    deadline=deadline(),
    doc_md=__doc__,
    tags=["pinsage"],
    params=trigger_form("pinsage_prepare"),
    default_args=DEFAULTS,
)
def pinsage_prepare():
    @task_group(prefix_group_id=False, tooltip="Great Expectations judges what is new; faulty rows go to quarantine")
    def validation():
        catalog = tasks.build_catalog()
        tasks.validate.expand(days=tasks.plan_days()) >> catalog
        with_links(tasks.data_docs(catalog), DATA_DOCS)
        return catalog

    catalog = validation()
    graph = with_links(tasks.build_graph(catalog), *DASK_DASHBOARD)
    features = tasks.featurize_items(catalog, graph)
    neighborhoods = with_links(tasks.sample_neighborhoods(graph), *DASK_DASHBOARD)
    tasks.record_prepared(catalog, graph, features, neighborhoods)


pinsage_prepare()
