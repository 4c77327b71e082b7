"""The tasks of `pinsage_prepare`: each opens the store, reads the versions it is given and calls its stage."""

from typing import Any

from airflow.sdk import get_current_context, task

from pinsage_airflow.run_context import open_run
from pinsage_airflow.wiring import DASK_POOL, PREPARED


@task
def plan_days() -> list[list[str]]:
    """The delivered days up to the run's that are not validated yet, in groups of about equal work."""
    from tasks.flow.kept_settings import warn_of_changed_settings
    from tasks.prepare.prepared import days_to_validate

    session, day = open_run(get_current_context())
    warn_of_changed_settings(session)
    return days_to_validate(session, day)


@task(map_index_template="{{ days[0] }} to {{ days[-1] }}")
def validate(days: list[str]) -> None:
    """Judge each day of one group; faulty rows go to quarantine, a faulty table fails the task."""
    from tasks.data.validate import validate_days

    session, _ = open_run(get_current_context())
    validate_days(session, days)


@task(trigger_rule="none_failed")
def build_catalog() -> str:
    """All items known as of the day, each in its newest valid form."""
    from tasks.prepare import build_catalog as stage

    return stage.build_catalog(*open_run(get_current_context())).uri


@task
def data_docs(catalog: str) -> str:
    """What Great Expectations said of the days that the catalog rests on, as a page."""
    from tasks.data.validation.data_docs import write_data_docs

    session, day = open_run(get_current_context())
    return write_data_docs(session, day, session.store.version(catalog))


@task(pool=DASK_POOL)
def build_graph(catalog: str) -> str:
    """The graph of items and boards as of the day, from that of the day before where that is possible."""
    from tasks.prepare import build_graph as stage

    session, _ = open_run(get_current_context())
    return stage.build_graph(session, session.store.version(catalog)).uri


@task
def featurize_items(catalog: str, graph: str) -> str:
    """One row of features per item: vectors, text, categories and numbers."""
    from tasks.prepare import featurize_items as stage

    session, _ = open_run(get_current_context())
    return stage.featurize_items(session, *map(session.store.version, (catalog, graph))).uri


@task(pool=DASK_POOL)
def sample_neighborhoods(graph: str) -> str:
    """The top T neighbors of every item by random walks (section 3.2 of the paper)."""
    from tasks.prepare import sample_neighborhoods as stage

    session, _ = open_run(get_current_context())
    return stage.sample_neighborhoods(session, session.store.version(graph)).uri


@task(outlets=[PREPARED])
def record_prepared(*uris: str, outlet_events: Any = None) -> str:
    """The day is prepared: its versions in one record, and the event that starts what follows."""
    from tasks.prepare import prepared as stage

    session, day = open_run(get_current_context())
    version = stage.record_prepared(session, day, *map(session.store.version, uris))
    # Named here, so that a run by hand, which has no partition key, starts what follows as well.
    outlet_events[PREPARED].add_partitions(day)
    outlet_events[PREPARED].extra = {"version": version.uri}
    return version.uri
