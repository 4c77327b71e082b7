"""The tasks of `pinsage_publish`: each opens the store, reads the versions it is given and calls its stage."""

from typing import Any

from airflow.sdk import get_current_context, task
from airflow.sdk.exceptions import AirflowSkipException

from pinsage_airflow.run_context import open_embedding, open_run
from pinsage_airflow.wiring import CHAMPION, PREPARED


@task(inlets=[PREPARED, CHAMPION])
def choose_model() -> str:
    """The champion; the run skips where none was promoted yet."""
    from tasks.flow.kept_settings import warn_of_changed_settings

    session, _ = open_run(get_current_context())
    warn_of_changed_settings(session)
    champion = session.store.ref("champion").head()
    if champion is None:
        raise AirflowSkipException("no model was promoted yet: there is nothing to embed with")
    return str(champion.uri)


@task
def encode_for_model(model: str) -> dict[str, str]:
    """The items in the model's basis, and the neighborhoods, where items without saves may be lent some."""
    from tasks.embed import encode_for_model as stage
    from tasks.embed.fill_neighborhoods import fill_neighborhoods
    from tasks.prepare.prepared import open_prepared

    session, day = open_run(get_current_context())
    prepared = open_prepared(session, day)
    features = stage.encode_for_model(session, prepared, session.store.version(model))
    neighborhoods = fill_neighborhoods(session, features, prepared.neighborhoods)
    return {"features": features.uri, "neighborhoods": neighborhoods.uri}


@task
def plan_embedding(model: str, basis: dict[str, str]) -> list[tuple[int, int]]:
    """Ranges of item rows, the same for every layer."""
    from tasks.embed import embed_items as stage

    return stage.plan_embedding(open_embedding(get_current_context(), model, basis))


@task(map_index_template="rows {{ rows[0] }} to {{ rows[1] }}")
def embed_rows(model: str, basis: dict[str, str], layer: int, rows: list[int]) -> dict[str, Any]:
    """The vectors of one layer for one range of rows, a commit of their own."""
    from tasks.embed import embed_items as stage

    start, stop = rows
    return vars(stage.embed_rows(open_embedding(get_current_context(), model, basis), layer, (start, stop)))


@task
def embed_items(model: str, basis: dict[str, str], layers: list[Any]) -> str:
    """The day's embeddings, from the chunks of the last layer."""
    from tasks.embed import embed_items as stage

    embedded = [chunk for layer in layers for chunk in layer]
    return stage.embed_items(open_embedding(get_current_context(), model, basis), embedded).uri


@task
def plan_shards(embeddings: str) -> list[int]:
    """The numbers of the index's shards."""
    from tasks.publish import build_index as stage

    session, _ = open_run(get_current_context())
    return stage.plan_shards(session, session.store.version(embeddings))


@task(map_index_template="shard {{ shard }}")
def build_shard(embeddings: str, shard: int) -> str:
    """One Annoy shard."""
    from tasks.publish import build_index as stage

    session, _ = open_run(get_current_context())
    return stage.build_shard(shard, session.store.root, embeddings, session.config.index)


@task
def build_index(embeddings: str) -> str:
    """The index over all shards, once its recall against exact search is reached."""
    from tasks.publish import build_index as stage

    session, _ = open_run(get_current_context())
    return stage.build_index(session, session.store.version(embeddings)).uri


@task
def publish_index(index: str) -> str:
    """Serve the index if it passes its gate and no newer day is served."""
    from tasks.publish import publish_index as stage

    context = get_current_context()
    session, _ = open_run(context)
    return stage.publish_index(session, session.store.version(index), force=context["params"]["force"]).reason


@task
def write_report(index: str, model: str) -> str:
    """The run's report, one self-contained HTML page."""
    from tasks.evaluate.measure_pruning import effect_of_pruning
    from tasks.flow.run import evaluation_of
    from tasks.publish import write_report as stage

    session, day = open_run(get_current_context())
    evaluation = evaluation_of(session, session.store.version(model))
    effect = None if evaluation is None else effect_of_pruning(session, evaluation)
    return stage.write_report(session, day, session.store.version(index), evaluation, effect).uri
