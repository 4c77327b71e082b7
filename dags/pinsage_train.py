"""### PinSage: train, evaluate, promote

Runs when the seven days of a week are prepared, for the week's Sunday; trigger it by hand for any day whose as-of day
(`evaluation.holdout_days` earlier) is prepared. The challenger becomes champion only if it is better on the same pairs,
and, where a person is asked, if that person approves.
"""

from datetime import datetime

from airflow.sdk import (
    PartitionedAssetTimetable,
    RollupMapper,
    StartOfWeekMapper,
    WeekWindow,
    dag,
    get_current_context,
    task,
    task_group,
)
from airflow.sdk.exceptions import AirflowSkipException

from pinsage_airflow.approval import ASK, PromotionApproval
from pinsage_airflow.links import TENSORBOARD, with_links
from pinsage_airflow.wiring import (
    CHAMPION,
    DASK_POOL,
    DEFAULTS,
    GPU_POOL,
    PREPARED,
    TRAINER_QUEUE,
    TRAINING_TIMEOUT,
    trigger_form,
)
from tasks.dag_run import open_run

WEEKLY = RollupMapper(
    upstream_mapper=StartOfWeekMapper(input_format="%Y-%m-%d", output_format="%Y-%m-%d"), window=WeekWindow()
)
SUNDAY = 6  # days after the Monday that the partition key of a week is


def run():
    return open_run(get_current_context(), SUNDAY)


def as_of(session, day):
    from tasks.prepared import as_of_day, open_prepared

    return open_prepared(session, as_of_day(session, day))


@dag(
    schedule=PartitionedAssetTimetable(assets=PREPARED, default_partition_mapper=WEEKLY),
    start_date=datetime(2017, 1, 1),
    catchup=False,
    max_active_runs=1,
    doc_md=__doc__,
    tags=["pinsage"],
    params=trigger_form("pairs", "hard_negatives", "model", "training", "evaluation", "promotion", approval=ASK),
    default_args=DEFAULTS,
)
def pinsage_train():
    @task_group(prefix_group_id=False, tooltip="Positive pairs up to the as-of day and after it; hard negatives")
    def examples():
        @task(inlets=[PREPARED])
        def build_pairs() -> str:
            from tasks import build_pairs as stage

            session, day = run()
            return stage.build_pairs(session, day, as_of(session, day)).uri

        @task(inlets=[PREPARED])
        def build_holdout_pairs() -> str:
            from tasks import build_pairs as stage

            session, day = run()
            return stage.build_holdout_pairs(session, day, as_of(session, day)).uri

        @task(pool=DASK_POOL)
        def mine_hard_negatives(pairs: str) -> str:
            from tasks import mine_hard_negatives as stage

            session, day = run()
            return stage.mine_hard_negatives(session, as_of(session, day).graph, session.store.version(pairs)).uri

        pairs = build_pairs()
        return pairs, mine_hard_negatives(pairs), build_holdout_pairs()

    @task(pool=GPU_POOL, queue=TRAINER_QUEUE, execution_timeout=TRAINING_TIMEOUT)
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

    @task
    def promote_model(evaluation: str) -> str:
        from tasks import promote_model as stage

        session, _ = run()
        return stage.promote_model(session, session.store.version(evaluation)).reason

    @task(outlets=[CHAMPION])
    def announce_champion(model: str, *, outlet_events=None) -> None:
        session, _ = run()
        head = session.store.ref("champion").head()
        days = session.store.ref_names("prepared")
        if head is None or head.uri != model:
            raise AirflowSkipException(f"{model} is not the champion: nothing changes")
        # pinsage_publish then runs for the newest prepared day, with the new champion.
        outlet_events[CHAMPION].add_partitions(days[-1])
        outlet_events[CHAMPION].extra = {"version": model}

    pairs, hard_negatives, holdout_pairs = examples()
    model = with_links(train_model(pairs, hard_negatives), *TENSORBOARD)
    evaluation = evaluate_model(model, pairs, holdout_pairs)
    approved = PromotionApproval(task_id="approve_promotion", evaluation=evaluation, days_after_key=SUNDAY)
    approved >> promote_model(evaluation) >> announce_champion(model)


pinsage_train()
