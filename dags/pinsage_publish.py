"""### PinSage: embed, index, publish, report

Runs when a day is prepared, and for the newest prepared day when the champion changes; trigger it by hand for any
prepared day. An index is served only after it passed its gate, and an older day never replaces a newer one unless
`force` is set. Without a champion it skips.
"""

from datetime import datetime

from airflow.sdk import Param, PartitionedAssetTimetable, chain, dag, get_current_context, task, task_group
from airflow.sdk.exceptions import AirflowSkipException

from pinsage.config import load_config
from pinsage_airflow.alerts import deadline
from pinsage_airflow.links import REPORT, with_links
from pinsage_airflow.wiring import CHAMPION, DEFAULTS, PREPARED, trigger_form
from tasks.dag_run import open_embedding, open_run

FORCE = Param(False, type="boolean", title="Force", description="Let an older day replace a newer one", section="Run")


@dag(
    schedule=PartitionedAssetTimetable(assets=PREPARED | CHAMPION),
    start_date=datetime(2017, 1, 1),
    catchup=False,
    deadline=deadline(),
    doc_md=__doc__,
    tags=["pinsage"],
    params=trigger_form("embedding", "index", "publish", force=FORCE),
    default_args=DEFAULTS,
)
def pinsage_publish():
    @task(inlets=[PREPARED, CHAMPION])
    def choose_model() -> str:
        session, _ = open_run(get_current_context())
        champion = session.store.ref("champion").head()
        if champion is None:
            raise AirflowSkipException("no model was promoted yet: there is nothing to embed with")
        return champion.uri

    @task_group(prefix_group_id=False, tooltip="Layer by layer: each vector of a layer is computed once")
    def embedding(model):
        @task
        def plan_embedding(model: str) -> list[tuple[int, int]]:
            from tasks import embed_items as stage

            return stage.plan_embedding(*open_embedding(get_current_context(), model))

        @task(map_index_template="rows {{ rows[0] }} to {{ rows[1] }}")
        def embed_rows(model: str, layer: int, rows: list[int]) -> dict:
            from tasks import embed_items as stage

            start, stop = rows
            return vars(stage.embed_rows(*open_embedding(get_current_context(), model), layer, (start, stop)))

        @task
        def embed_items(model: str, layers: list) -> str:
            from tasks import embed_items as stage

            embedded = [each for layer in layers for each in layer]
            return stage.embed_items(*open_embedding(get_current_context(), model), embedded).uri

        rows = plan_embedding(model)
        layers = [
            embed_rows.override(task_id=f"layer_{layer}").partial(model=model, layer=layer).expand(rows=rows)
            for layer in range(load_config().model.num_layers + 1)
        ]
        chain(*layers)
        return embed_items(model, layers)

    @task_group(prefix_group_id=False, tooltip="Annoy shards, each with as many trees as its recall needs")
    def indexing(embeddings):
        @task
        def plan_shards(embeddings: str) -> list[int]:
            from tasks import build_index as stage

            session, _ = open_run(get_current_context())
            return stage.plan_shards(session, session.store.version(embeddings))

        @task(map_index_template="shard {{ shard }}")
        def build_shard(embeddings: str, shard: int) -> str:
            from tasks import build_index as stage

            session, _ = open_run(get_current_context())
            return stage.build_shard(shard, session.store.root, embeddings, session.config.index)

        @task
        def build_index(embeddings: str) -> str:
            from tasks import build_index as stage

            session, _ = open_run(get_current_context())
            return stage.build_index(session, session.store.version(embeddings)).uri

        built = build_shard.partial(embeddings=embeddings).expand(shard=plan_shards(embeddings))
        index = build_index(embeddings)
        built >> index
        return index

    @task
    def publish_index(index: str) -> str:
        from tasks import publish_index as stage

        context = get_current_context()
        session, _ = open_run(context)
        return stage.publish_index(session, session.store.version(index), force=context["params"]["force"]).reason

    @task
    def write_report(index: str, model: str) -> str:
        from tasks import write_report as stage
        from tasks.pipeline import evaluation_of

        session, day = open_run(get_current_context())
        evaluation = evaluation_of(session, session.store.version(model))
        return stage.write_report(session, day, session.store.version(index), evaluation).uri

    model = choose_model()
    index = indexing(embedding(model))
    publish_index(index) >> with_links(write_report(index, model), REPORT)


pinsage_publish()
