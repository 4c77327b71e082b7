"""``python -m pinsage_airflow.check``: what `pinsage doctor` asks of the Airflow around it, as one line of JSON.

A process of its own, because `tasks` does not import airflow, and a DAG file may end the process that imports it.
"""

from __future__ import annotations

import json
from typing import Any


def airflow_facts() -> dict[str, Any]:
    """Import errors of the DAG folder, the pools and queues that tasks name, and how this Airflow is set up."""
    from airflow.dag_processing.dagbag import DagBag
    from airflow.sdk.configuration import conf

    bag = DagBag()
    bag.collect_dags()
    tasks = [task for dag in bag.dags.values() for task in dag.tasks]
    return {
        "folder": conf.get("core", "dags_folder"),
        "dags": sorted(bag.dags),
        "import_errors": {path: text.strip().splitlines()[-1] for path, text in bag.import_errors.items()},
        "pools_named": sorted({task.pool for task in tasks}),
        "queues_named": sorted({task.queue for task in tasks}),
        "executor": conf.get("core", "executor"),
        "auth_manager": conf.get("core", "auth_manager"),
        "everybody_is_admin": conf.getboolean("core", "simple_auth_manager_all_admins", fallback=False),
        **_pools(),
    }


def _pools() -> dict[str, Any]:
    from airflow.models.pool import Pool
    from sqlalchemy.exc import SQLAlchemyError

    try:
        return {"pools": sorted(pool.pool for pool in Pool.get_pools())}
    except SQLAlchemyError as error:
        return {"pools": None, "database_error": str(error).splitlines()[0]}


if __name__ == "__main__":
    print(json.dumps(airflow_facts()))  # noqa: T201  # the answer to the doctor
