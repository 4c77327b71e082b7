"""### PinSage: embed, index, publish, report

Runs when a day is prepared, and for the newest prepared day when the champion changes; trigger it by hand for any
prepared day. An index is served only after it passed its gate, and an older day never replaces a newer one unless
`force` is set. Without a champion it skips.
"""

from datetime import datetime

from airflow.sdk import Param, PartitionedAssetTimetable, chain, dag, task_group

from pinsage_airflow import publish_tasks as tasks
from pinsage_airflow.alerts import deadline
from pinsage_airflow.forms import OPEN_SECTION
from pinsage_airflow.links import REPORT, with_links
from pinsage_airflow.wiring import CHAMPION, DEFAULTS, PREPARED, trigger_form
from tasks.runtime.config import load_config

FORCE = Param(
    False,
    type=["null", "boolean"],
    title="Force",
    description="Let an older day replace a newer one",
    section=OPEN_SECTION,
)


@dag(
    schedule=PartitionedAssetTimetable(assets=PREPARED | CHAMPION),
    start_date=datetime(2017, 1, 1),
    catchup=False,
    deadline=deadline(),
    doc_md=__doc__,
    tags=["pinsage"],
    params=trigger_form("pinsage_publish", force=FORCE),
    default_args=DEFAULTS,
)
def pinsage_publish():
    @task_group(prefix_group_id=False, tooltip="Layer by layer: each vector of a layer is computed once")
    def embedding(model):
        basis = tasks.encode_for_model(model)
        rows = tasks.plan_embedding(model, basis)
        given = {"model": model, "basis": basis}
        layers = [
            tasks.embed_rows.override(task_id=f"layer_{layer}").partial(**given, layer=layer).expand(rows=rows)
            for layer in range(load_config().model.num_layers + 1)
        ]
        chain(*layers)
        return tasks.embed_items(model, basis, layers)

    @task_group(prefix_group_id=False, tooltip="Annoy shards, each with as many trees as its recall needs")
    def indexing(embeddings):
        shards = tasks.build_shard.partial(embeddings=embeddings).expand(shard=tasks.plan_shards(embeddings))
        index = tasks.build_index(embeddings)
        shards >> index
        return index

    model = tasks.choose_model()
    index = indexing(embedding(model))
    tasks.publish_index(index) >> with_links(tasks.write_report(index, model), REPORT)


pinsage_publish()
