"""### PinSage: prepare a day

Validate what was delivered and is not validated yet, then build graph, features and neighborhoods as of the day.
A daily run is for the day before; trigger it by hand for any delivered day. Finished work is found, not done again.
"""

import os
from datetime import datetime

from airflow.sdk import CronPartitionTimetable, PartitionedAtRuntime, dag, get_current_context, task, task_group

from pinsage_airflow.alerts import deadline
from pinsage_airflow.links import DASK_DASHBOARD, DATA_DOCS, with_links
from pinsage_airflow.wiring import DASK_POOL, DEFAULTS, PREPARED, trigger_form
from tasks.dag_run import CRON_VARIABLE, open_run

CRON = os.environ.get(CRON_VARIABLE, "0 0 * * *")
DAILY = CronPartitionTimetable(CRON, timezone="UTC", run_offset=-1, key_format="%Y-%m-%d") if CRON else None


@dag(
    schedule=DAILY or PartitionedAtRuntime(),
    start_date=datetime(2017, 1, 1),
    catchup=False,
    deadline=deadline(),
    doc_md=__doc__,
    tags=["pinsage"],
    params=trigger_form("validation", "graph", "features", "walks"),
    default_args=DEFAULTS,
)
def pinsage_prepare():
    @task_group(prefix_group_id=False, tooltip="Great Expectations judges what is new; faulty rows go to quarantine")
    def validation():
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

        catalog = build_catalog()
        validate.expand(days=plan_days()) >> catalog
        with_links(data_docs(catalog), DATA_DOCS)
        return catalog

    @task(pool=DASK_POOL)
    def build_graph(catalog: str) -> str:
        from tasks import build_graph as stage

        session, _ = open_run(get_current_context())
        return stage.build_graph(session, session.store.version(catalog)).uri

    @task
    def featurize_items(catalog: str, graph: str) -> str:
        from tasks import featurize_items as stage

        session, _ = open_run(get_current_context())
        return stage.featurize_items(session, *map(session.store.version, (catalog, graph))).uri

    @task(pool=DASK_POOL)
    def sample_neighborhoods(graph: str) -> str:
        from tasks import sample_neighborhoods as stage

        session, _ = open_run(get_current_context())
        return stage.sample_neighborhoods(session, session.store.version(graph)).uri

    @task(outlets=[PREPARED])
    def record_prepared(*uris: str, outlet_events=None) -> str:
        from tasks import prepared as stage

        session, day = open_run(get_current_context())
        version = stage.record_prepared(session, day, *map(session.store.version, uris))
        # Named here, so that a run by hand, which has no partition key, starts what follows as well.
        outlet_events[PREPARED].add_partitions(day)
        outlet_events[PREPARED].extra = {"version": version.uri}
        return version.uri

    catalog = validation()
    graph = with_links(build_graph(catalog), *DASK_DASHBOARD)
    neighborhoods = with_links(sample_neighborhoods(graph), *DASK_DASHBOARD)
    record_prepared(catalog, graph, featurize_items(catalog, graph), neighborhoods)


pinsage_prepare()
