"""### PinSage: prepare a day

Validate what was delivered and is not validated yet, then build graph, features and neighborhoods as of the day.
A daily run is for the day before; trigger it by hand for any delivered day. Finished work is found, not done again.
"""

import os
from datetime import datetime, timedelta

from airflow.sdk import Asset, CronPartitionTimetable, Param, PartitionedAtRuntime, dag, get_current_context, task

from tasks.dag_run import CRON_VARIABLE, PREPARED_ASSET, form, open_run

CRON = os.environ.get(CRON_VARIABLE, "0 0 * * *")
SCHEDULE = (
    CronPartitionTimetable(CRON, timezone="UTC", run_offset=-1, key_format="%Y-%m-%d")
    if CRON
    else PartitionedAtRuntime()
)
DAY = Param(None, type=["null", "string"], format="date", title="Day", description="YYYY-MM-DD, UTC", section="Run")
FIELDS = form("validation", "graph", "features", "walks")


@dag(
    schedule=SCHEDULE,
    start_date=datetime(2017, 1, 1),
    catchup=False,
    doc_md=__doc__,
    tags=["pinsage"],
    params={"day": DAY} | {name: Param(**field) for name, field in FIELDS.items()},
    default_args={"retries": 2, "retry_delay": timedelta(seconds=10)},
)
def pinsage_prepare():
    @task
    def plan_days() -> list[list[str]]:
        from tasks.prepared import days_to_validate

        return days_to_validate(*open_run(get_current_context()))

    @task(map_index_template="{{ days[0] }} to {{ days[-1] }}")
    def validate(days: list[str]) -> None:
        from tasks.validate import validate_days

        session, _ = open_run(get_current_context())
        validate_days(session, days)

    @task(trigger_rule="none_failed")
    def build_catalog() -> str:
        from tasks import build_catalog as stage

        return stage.build_catalog(*open_run(get_current_context())).uri

    @task
    def data_docs(catalog: str) -> str:
        from tasks.data_docs import write_data_docs

        session, day = open_run(get_current_context())
        return write_data_docs(session, day, session.store.version(catalog))

    @task
    def build_graph(catalog: str) -> str:
        from tasks import build_graph as stage

        session, _ = open_run(get_current_context())
        return stage.build_graph(session, session.store.version(catalog)).uri

    @task
    def featurize_items(catalog: str, graph: str) -> str:
        from tasks import featurize_items as stage

        session, _ = open_run(get_current_context())
        return stage.featurize_items(session, *map(session.store.version, (catalog, graph))).uri

    @task
    def sample_neighborhoods(graph: str) -> str:
        from tasks import sample_neighborhoods as stage

        session, _ = open_run(get_current_context())
        return stage.sample_neighborhoods(session, session.store.version(graph)).uri

    @task(outlets=[Asset(PREPARED_ASSET)])
    def record_prepared(*uris: str) -> str:
        from tasks import prepared as stage

        session, day = open_run(get_current_context())
        return stage.record_prepared(session, day, *map(session.store.version, uris)).uri

    validated = validate.expand(days=plan_days())
    catalog = build_catalog()
    validated >> catalog
    data_docs(catalog)
    graph = build_graph(catalog)
    record_prepared(catalog, graph, featurize_items(catalog, graph), sample_neighborhoods(graph))


pinsage_prepare()
