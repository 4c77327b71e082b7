"""The DAG files: they parse without heavy imports, have the edges of the diagram and forms from the config."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from pinsage_airflow.run_context import form, open_run, run_day
from tasks.runtime.config import ConfigError, load_config
from tasks.runtime.stages import Phase, Stage, stages_of

PROJECT = Path(__file__).parents[2]

PARSE = """
import json, sys
from airflow.dag_processing.dagbag import DagBag
bag = DagBag(sys.argv[1])
def decide(error, attempt):
    decision = bag.dags["pinsage_train"].tasks[0].retry_policy.evaluate(error, attempt, 3)
    delay = decision.retry_delay
    return [decision.action.value, delay and delay.total_seconds()]
answer = {
    "errors": {str(key): str(value) for key, value in bag.import_errors.items()},
    "edges": {name: sorted([up, down] for up, task in dag.task_dict.items() for down in task.downstream_task_ids)
              for name, dag in bag.dags.items()},
    "params": {name: sorted(dag.params) for name, dag in bag.dags.items()},
    "tasks": {name: {task.task_id: {
        "pool": task.pool, "owner": task.owner, "retries": type(task.retry_policy).__name__,
        "seconds": task.execution_timeout and task.execution_timeout.total_seconds(),
        "links": [link.name for link in task.operator_extra_links],
        "group": task.task_group.group_id, "name": getattr(task, "map_index_template", None),
        "mapped": task.is_mapped, "inlets": [asset.name for asset in task.inlets],
        "outlets": [asset.name for asset in task.outlets], "told": bool(task.on_failure_callback),
    } for task in dag.tasks} for name, dag in bag.dags.items()},
    "docs": {name: dag.doc_md for name, dag in bag.dags.items()},
    "help": {name: [[param.schema.get("section"), param.description] for param in map(dag.params.get_param, dag.params)]
             for name, dag in bag.dags.items()},
    "deadlines": {name: dag.deadline is not None for name, dag in bag.dags.items()},
    "heavy": [name for name in ("torch", "dask", "numba", "great_expectations", "pyarrow") if name in sys.modules],
}
from obstore.exceptions import GenericError
from tasks.runtime.config import ConfigError
from pinsage.store.errors import DamagedVersionError, ReferenceMovedError, StorageError
from tasks.prepare.prepared import NotPreparedError
answer["decisions"] = {type(error).__name__: [decide(error, 1), decide(error, 3)] for error in (
    ConnectionResetError(), OSError(28, "no space"), GenericError("503"), StorageError(), ReferenceMovedError(),
    ConfigError(), NotPreparedError(), DamagedVersionError(), TypeError(), RuntimeError(),
)}
print(json.dumps(answer))
"""


@pytest.fixture(scope="module")
def parsed(tmp_path_factory: pytest.TempPathFactory) -> dict:
    home = tmp_path_factory.mktemp("airflow")
    done = subprocess.run(
        [sys.executable, "-c", PARSE, str(PROJECT / "dags")],
        capture_output=True,
        text=True,
        check=True,
        env={
            **os.environ,
            "AIRFLOW_HOME": str(home),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "PINSAGE_GPU_POOL": "gpu",
            "PINSAGE_DASK_POOL": "dask",
            "PINSAGE_DEADLINE_HOURS": "6",
            "PINSAGE_TENSORBOARD_URL": "http://127.0.0.1:6006",
            "PINSAGE_DASK_DASHBOARD_URL": "http://127.0.0.1:8787/status",
        },
    )
    return json.loads(done.stdout.splitlines()[-1])


def test_dags_parse_without_heavy_imports(parsed: dict) -> None:
    assert parsed["errors"] == {}
    assert set(parsed["edges"]) == {"pinsage_prepare", "pinsage_train", "pinsage_publish"}
    assert parsed["heavy"] == []


def test_edges_are_those_of_the_diagram(parsed: dict) -> None:
    prepare = parsed["edges"]["pinsage_prepare"]
    for edge in (
        ["validate", "build_catalog"],
        ["build_graph", "sample_neighborhoods"],
        ["sample_neighborhoods", "record_prepared"],
    ):
        assert edge in prepare
    train = parsed["edges"]["pinsage_train"]
    for edge in (
        ["mine_hard_negatives", "train_model"],
        ["train_model", "evaluate_model"],
        ["evaluate_model", "promote_model"],
    ):
        assert edge in train
    publish = parsed["edges"]["pinsage_publish"]
    for edge in (
        ["plan_embedding", "layer_0"],
        ["layer_0", "layer_1"],
        ["layer_1", "layer_2"],
        ["layer_2", "embed_items"],
        ["embed_items", "plan_shards"],
        ["plan_shards", "build_shard"],
        ["build_shard", "build_index"],
        ["build_index", "publish_index"],
        ["publish_index", "write_report"],
    ):
        assert edge in publish


# Tasks that do several stages in a row: a task costs seconds to start.
SEVERAL = {
    "evaluate_model": {"embed_as_of", "evaluate_model"},
    "encode_for_model": {"encode_for_model", "fill_neighborhoods"},
    "write_report": {"measure_pruning", "write_report"},
}


@pytest.mark.parametrize("phase", ["prepare", "train", "publish"])
def test_edges_are_those_of_the_declaration(parsed: dict, phase: Phase) -> None:
    stages = {stage.name: stage for stage in stages_of(phase)}
    tasks = parsed["tasks"][f"pinsage_{phase}"]
    task_of = {stage: task for task in tasks for stage in SEVERAL.get(task, {task}) if stage in stages}
    assert task_of.keys() == stages.keys(), "every stage has a task"
    declared = {
        (task_of[need.name], task_of[stage.name])
        for stage in stages.values()
        for need in stage.needs
        if isinstance(need, Stage) and need.name in stages
    }
    edges = {(up, down) for up, down in parsed["edges"][f"pinsage_{phase}"]}
    of_stages = set(task_of.values())
    assert _reached(edges, of_stages) == _reached(declared, of_stages)


def _reached(edges: set[tuple[str, str]], tasks: set[str]) -> set[tuple[str, str]]:
    """Which task waits for which, whatever lies between them."""
    reached = set(edges)
    while longer := {(first, end) for first, via in reached for start, end in edges if via == start} - reached:
        reached |= longer
    return {(first, last) for first, last in reached if first in tasks and last in tasks and first != last}


def test_only_what_can_end_otherwise_is_retried(parsed: dict) -> None:
    for name in ("ConnectionResetError", "OSError", "GenericError", "StorageError", "ReferenceMovedError"):
        assert parsed["decisions"][name] == [["retry", 10], ["retry", 40]], name
    for name in ("ConfigError", "NotPreparedError", "DamagedVersionError", "TypeError"):
        assert parsed["decisions"][name] == [["fail", None]] * 2, name
    assert parsed["decisions"]["RuntimeError"] == [["default", None]] * 2


def test_pools_timeouts_owners_and_links_of_the_tasks(parsed: dict) -> None:
    tasks = {task: each for dag in parsed["tasks"].values() for task, each in dag.items()}
    for task, each in tasks.items():
        assert each["owner"] == "pinsage", task
        assert each["retries"] == "StageRetries", task
        assert each["seconds"] == {"train_model": 86_400, "approve_promotion": None}.get(task, 21_600), task
    pools = {task: each["pool"] for task, each in tasks.items() if each["pool"] != "default_pool"}
    assert pools["train_model"] == "gpu"
    assert {pools[task] for task in ("build_graph", "sample_neighborhoods", "mine_hard_negatives")} == {"dask"}
    links = {task: each["links"] for task, each in tasks.items() if each["links"]}
    assert links == {
        "data_docs": ["Data Docs"],
        "build_graph": ["Dask dashboard"],
        "sample_neighborhoods": ["Dask dashboard"],
        "train_model": ["TensorBoard"],
        "write_report": ["Report"],
    }
    assert parsed["deadlines"] == {"pinsage_prepare": True, "pinsage_train": False, "pinsage_publish": True}


def test_tasks_are_grouped_named_and_tied_by_assets(parsed: dict) -> None:
    tasks = {task: each for dag in parsed["tasks"].values() for task, each in dag.items()}
    assert {each["group"] for each in tasks.values()} == {None, "validation", "examples", "embedding", "indexing"}
    for task, each in tasks.items():
        assert each["mapped"] == bool(each["name"]), task
        assert each["told"], task
    prepared, champion = "pinsage://prepared", "pinsage://champion"
    read = {task: each["inlets"] for task, each in tasks.items() if each["inlets"]}
    assert read == {
        "build_pairs": [prepared],
        "build_holdout_pairs": [prepared],
        "choose_model": [prepared, champion],
    }
    written = {task: each["outlets"] for task, each in tasks.items() if each["outlets"]}
    assert written == {"record_prepared": [prepared], "announce_champion": [champion]}


def test_forms_have_sections_and_help(parsed: dict) -> None:
    for name, fields in parsed["help"].items():
        assert parsed["docs"][name].startswith("### PinSage"), name
        for section, description in fields:
            assert section, name
            assert description, name


def test_forms_hold_every_field_of_their_sections(parsed: dict) -> None:
    config = load_config().model_dump()
    for section in ("validation", "graph", "features", "walks"):
        for field in config[section]:
            assert f"{section}.{field}" in parsed["params"]["pinsage_prepare"]
    fields = form("walks")
    assert fields["walks.top_t"]["default"] == config["walks"]["top_t"]
    assert fields["walks.top_t"]["maximum"] == 1000


def test_the_day_of_a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keyed = SimpleNamespace(partition_key="2026-03-02")
    assert run_day({"params": {"day": "2026-03-01"}, "dag_run": keyed}) == "2026-03-01"
    assert run_day({"params": {}, "dag_run": keyed}, days_after_key=6) == "2026-03-08"
    with pytest.raises(ValueError, match="trigger it with the day"):
        run_day({"params": {"day": None}, "dag_run": SimpleNamespace(partition_key=None)})
    with pytest.raises(ValueError, match="YYYY-MM-DD"):
        run_day({"params": {"day": "2026-02-30"}})
    monkeypatch.delenv("PINSAGE_ROOT", raising=False)
    with pytest.raises(ValueError, match="PINSAGE_ROOT"):
        open_run({"params": {"day": "2026-03-01"}})
    monkeypatch.setenv("PINSAGE_ROOT", str(tmp_path))
    session, day = open_run({"params": {"day": "2026-03-01", "walks.top_t": 7}})
    assert (session.config.walks.top_t, day) == (7, "2026-03-01")


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("resources.dask_address", "tcp://203.0.113.9:8786", "PINSAGE_RESOURCES__DASK_ADDRESS"),
        ("resources.device", "cuda", "does not choose"),
        ("walks.unheard_of", 1, "unknown"),
        ("../../etc.passwd", "x", "unknown"),
        ("walks.top_t", "50; rm -rf /", "walks.top_t"),
        ("walks.top_t", 10**9, "walks.top_t"),
    ],
)
def test_what_a_trigger_says_is_checked_again_in_the_task(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: object, reason: str
) -> None:
    monkeypatch.setenv("PINSAGE_ROOT", str(tmp_path / "store"))
    with pytest.raises(ConfigError, match=reason):
        open_run({"params": {"day": "2026-03-01", name: value}})


@pytest.mark.parametrize("day", ["../../etc", "2026-03-01/../..", "2026-3-1", "20260301", "2026-03-01\n", "' or 1=1"])
def test_a_day_that_is_no_day_is_refused(day: str) -> None:
    with pytest.raises(ValueError, match="expected a calendar day"):
        run_day({"params": {"day": day}})
