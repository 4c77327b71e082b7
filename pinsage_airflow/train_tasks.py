"""The tasks of `pinsage_train`; the run's key is a week's Monday, its day the week's Sunday."""

from typing import Any

from airflow.sdk import get_current_context, task
from airflow.sdk.exceptions import AirflowSkipException

from pinsage_airflow.forms import SUNDAY
from pinsage_airflow.run_context import open_run
from pinsage_airflow.wiring import CHAMPION, DASK_POOL, GPU_POOL, PREPARED, TRAINER_QUEUE, TRAINING_TIMEOUT


def _run() -> Any:
    return open_run(get_current_context(), SUNDAY)


def _as_of(session: Any, day: str) -> Any:
    from tasks.prepare.prepared import as_of_day, open_prepared

    return open_prepared(session, as_of_day(session, day))


def _trained_on(session: Any, day: str) -> Any:
    from tasks.prepare.prepared import as_of_day, graph_day, open_prepared

    return open_prepared(session, graph_day(session, as_of_day(session, day)))


@task(inlets=[PREPARED])
def build_pairs() -> str:
    """Positive pairs of items saved to one board up to the as-of day."""
    from tasks.flow.kept_settings import warn_of_changed_settings
    from tasks.train import build_pairs as stage

    session, day = _run()
    warn_of_changed_settings(session)
    return stage.build_pairs(session, day, _as_of(session, day), _trained_on(session, day).graph).uri


@task(inlets=[PREPARED])
def build_holdout_pairs() -> str:
    """Positive pairs of the days after the as-of day, which no training sees."""
    from tasks.train import build_pairs as stage

    session, day = _run()
    return stage.build_holdout_pairs(session, day, _as_of(session, day)).uri


@task(pool=DASK_POOL)
def mine_hard_negatives(pairs: str) -> str:
    """Items of a rank band of personalised PageRank, per query item (section 3.3 of the paper)."""
    from tasks.train import mine_hard_negatives as stage

    session, day = _run()
    return stage.mine_hard_negatives(session, _trained_on(session, day).graph, session.store.version(pairs)).uri


@task(pool=GPU_POOL, queue=TRAINER_QUEUE, execution_timeout=TRAINING_TIMEOUT)
def train_model(pairs: str, hard_negatives: str) -> str:
    """Train the challenger in a process of its own, whose log is this task's log."""
    from tasks.train import train_model as stage

    session, day = _run()
    versions = map(session.store.version, (pairs, hard_negatives))
    return stage.train_model(session, day, _trained_on(session, day), *versions).uri


@task
def evaluate_model(model: str, pairs: str, holdout_pairs: str) -> str:
    """Hit-rates and MRR of the challenger and of every baseline on the held-out pairs."""
    from tasks.embed.embed_day import embed_day
    from tasks.evaluate import evaluate_model as stage

    session, day = _run()
    as_of = _as_of(session, day)
    embeddings = embed_day(session, as_of, session.store.version(model))
    return stage.evaluate_model(
        session, day, as_of, embeddings, *map(session.store.version, (pairs, holdout_pairs))
    ).uri


@task
def evaluate_champion(evaluation: str) -> str | None:
    """The same of the champion on the same pairs; nothing where there is no champion to compare."""
    from tasks.evaluate import evaluate_champion as stage

    session, _ = _run()
    measured = stage.measure_rival(session, session.store.version(evaluation))
    return None if measured is None else measured.uri


@task
def promote_model(evaluation: str, champion_evaluation: str | None) -> str:
    """Make the challenger the champion if it is better on the same pairs."""
    from tasks.evaluate import promote_model as stage

    session, _ = _run()
    measured = None if champion_evaluation is None else session.store.version(champion_evaluation)
    return stage.promote_model(session, session.store.version(evaluation), measured).reason


@task(outlets=[CHAMPION])
def announce_champion(model: str, *, outlet_events: Any = None) -> None:
    """Tell `pinsage_publish` of a new champion; it then runs for the newest prepared day."""
    session, _ = _run()
    head = session.store.ref("champion").head()
    days = session.store.ref_names("prepared")
    if head is None or head.uri != model:
        raise AirflowSkipException(f"{model} is not the champion: nothing changes")
    outlet_events[CHAMPION].add_partitions(days[-1])
    outlet_events[CHAMPION].extra = {"version": model}
