"""### PinSage: train, evaluate, promote

Runs when the seven days of a week are prepared, for the week's Sunday; trigger it by hand for any day whose as-of day
(`evaluation.holdout_days` earlier) and the day of whose graph (`pairs.graph_lag_days` before that) are prepared. The
challenger becomes champion only if it is better on the same pairs, and, where a person is asked, if that person
approves.
"""

from datetime import datetime

from airflow.sdk import PartitionedAssetTimetable, RollupMapper, StartOfWeekMapper, WeekWindow, dag, task_group

from pinsage_airflow import train_tasks as tasks
from pinsage_airflow.approval import ASK, PromotionApproval
from pinsage_airflow.links import TENSORBOARD, with_links
from pinsage_airflow.wiring import DEFAULTS, PREPARED, trigger_form

MONDAYS = StartOfWeekMapper(input_format="%Y-%m-%d", output_format="%Y-%m-%d")
WEEKLY = RollupMapper(upstream_mapper=MONDAYS, window=WeekWindow())


@dag(
    schedule=PartitionedAssetTimetable(assets=PREPARED, default_partition_mapper=WEEKLY),
    start_date=datetime(2017, 1, 1),
    catchup=False,
    max_active_runs=1,
    doc_md=__doc__,
    tags=["pinsage"],
    params=trigger_form("pinsage_train", approval=ASK),
    default_args=DEFAULTS,
)
def pinsage_train():
    @task_group(prefix_group_id=False, tooltip="Positive pairs up to the as-of day and after it; hard negatives")
    def examples():
        pairs = tasks.build_pairs()
        return pairs, tasks.mine_hard_negatives(pairs), tasks.build_holdout_pairs()

    pairs, hard_negatives, holdout_pairs = examples()
    model = with_links(tasks.train_model(pairs, hard_negatives), *TENSORBOARD)
    evaluation = tasks.evaluate_model(model, pairs, holdout_pairs)
    champion = tasks.evaluate_champion(evaluation)
    approved = PromotionApproval(
        task_id="approve_promotion",
        evaluation=evaluation,
        champion_evaluation=champion,
        days_after_key=tasks.SUNDAY,
    )
    approved >> tasks.promote_model(evaluation, champion) >> tasks.announce_champion(model)


pinsage_train()
