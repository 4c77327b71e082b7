"""### PinSage: train, evaluate, promote

Runs when the seven days of a week are prepared, for the week's Sunday; trigger it by hand for any day whose as-of day
(`evaluation.holdout_days` earlier) is prepared. The challenger becomes champion only if it is better on the same pairs.
"""

import os
from datetime import datetime, timedelta

from airflow.sdk import (
    Asset,
    Param,
    PartitionedAssetTimetable,
    RollupMapper,
    StartOfWeekMapper,
    WeekWindow,
    dag,
    get_current_context,
    task,
)

from tasks.dag_run import PREPARED_ASSET, form, open_run

WEEKLY = RollupMapper(
    upstream_mapper=StartOfWeekMapper(input_format="%Y-%m-%d", output_format="%Y-%m-%d"), window=WeekWindow()
)
DAY = Param(None, type=["null", "string"], format="date", title="Day", description="YYYY-MM-DD, UTC", section="Run")
FIELDS = form("pairs", "hard_negatives", "model", "training", "evaluation", "promotion")
POOL = os.environ.get("PINSAGE_GPU_POOL", "default_pool")


def run():
    return open_run(get_current_context(), days_after_key=6)


def as_of(session, day):
    from tasks.prepared import as_of_day, open_prepared

    return open_prepared(session, as_of_day(session, day))


@dag(
    schedule=PartitionedAssetTimetable(assets=Asset(PREPARED_ASSET), default_partition_mapper=WEEKLY),
    start_date=datetime(2017, 1, 1),
    catchup=False,
    max_active_runs=1,
    doc_md=__doc__,
    tags=["pinsage"],
    params={"day": DAY} | {name: Param(**field) for name, field in FIELDS.items()},
    default_args={"retries": 2, "retry_delay": timedelta(seconds=10)},
)
def pinsage_train():
    @task
    def build_pairs() -> str:
        from tasks import build_pairs as stage

        session, day = run()
        return stage.build_pairs(session, day, as_of(session, day)).uri

    @task
    def build_holdout_pairs() -> str:
        from tasks import build_pairs as stage

        session, day = run()
        return stage.build_holdout_pairs(session, day, as_of(session, day)).uri

    @task
    def mine_hard_negatives(pairs: str) -> str:
        from tasks import mine_hard_negatives as stage

        session, day = run()
        return stage.mine_hard_negatives(session, as_of(session, day).graph, session.store.version(pairs)).uri

    @task(pool=POOL, execution_timeout=timedelta(hours=24))
    def train_model(pairs: str, hard_negatives: str) -> str:
        from tasks import train_model as stage

        session, day = run()
        versions = map(session.store.version, (pairs, hard_negatives))
        return stage.train_model(session, day, as_of(session, day), *versions).uri

    @task
    def evaluate_model(model: str, pairs: str, holdout_pairs: str) -> str:
        from tasks import evaluate_model as stage

        session, day = run()
        versions = map(session.store.version, (model, pairs, holdout_pairs))
        return stage.evaluate_model(session, day, as_of(session, day), *versions).uri

    @task(outlets=[Asset("pinsage://champion")])
    def promote_model(evaluation: str) -> str:
        from tasks import promote_model as stage

        session, _ = run()
        return stage.promote_model(session, session.store.version(evaluation)).reason

    pairs = build_pairs()
    model = train_model(pairs, mine_hard_negatives(pairs))
    promote_model(evaluate_model(model, pairs, build_holdout_pairs()))


pinsage_train()
