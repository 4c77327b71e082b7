"""### PinSage: embed, index, publish, report

Runs when a day is prepared, and for the newest prepared day when the champion changes; trigger it by hand for any
prepared day. An index is served only after it passed its gate, and an older day never replaces a newer one unless
`force` is set. Without a champion it skips.
"""

from datetime import datetime

from airflow.sdk import Param, PartitionedAssetTimetable, dag, get_current_context, task
from airflow.sdk.exceptions import AirflowSkipException

from pinsage_airflow.alerts import deadline
from pinsage_airflow.links import REPORT, with_links
from pinsage_airflow.wiring import CHAMPION, DEFAULTS, PREPARED, trigger_form
from tasks.dag_run import open_run

FORCE = Param(False, type="boolean", title="Force", description="Let an older day replace a newer one", section="Run")


@dag(
    schedule=PartitionedAssetTimetable(assets=PREPARED | CHAMPION),
    start_date=datetime(2017, 1, 1),
    catchup=False,
    deadline=deadline(),
    doc_md=__doc__,
    tags=["pinsage"],
    params=trigger_form("index", "publish", force=FORCE),
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

    @task
    def embed_items(model: str) -> str:
        from tasks import embed_items as stage
        from tasks.prepared import open_prepared

        session, day = open_run(get_current_context())
        return stage.embed_items(session, open_prepared(session, day), session.store.version(model)).uri

    @task
    def build_index(embeddings: str) -> str:
        from tasks import build_index as stage

        session, _ = open_run(get_current_context())
        return stage.build_index(session, session.store.version(embeddings)).uri

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
    index = build_index(embed_items(model))
    publish_index(index) >> with_links(write_report(index, model), REPORT)


pinsage_publish()
