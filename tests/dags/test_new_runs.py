"""Checks and names of new runs, on Airflow's own tables, in a process that may import airflow."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest

DAY, MONDAY, SUNDAY = "2026-03-10", "2026-03-09", "2026-03-15"

MAKE = """
import json, sys
from datetime import datetime, UTC
from airflow.models.backfill import Backfill
from airflow.models.dagrun import DagRun
from airflow.plugins_manager import ensure_plugins_loaded
from airflow.utils.types import DagRunTriggeredByType, DagRunType
ensure_plugins_loaded()
ensure_plugins_loaded()
after = datetime(2026, 11, 29, 8, tzinfo=UTC)
answers = []
for case in json.loads(sys.argv[1]):
    kind, by = DagRunType(case.pop("kind", "manual")), DagRunTriggeredByType(case.pop("by", "ui"))
    run_id = case.pop("run_id", None) or f"{kind}__{after.isoformat()}_x1"
    try:
        if case.pop("backfill", False):
            Backfill(dag_id=case["dag_id"], dag_run_conf=case["conf"])
            answers.append(["made", ""])
        else:
            run = DagRun(run_id=run_id, run_type=kind, triggered_by=by, run_after=after, **case)
            answers.append(["made", run.run_id])
    except Exception as error:
        answers.append([type(error).__name__, str(error)])
print(json.dumps(answers))
"""
AFTER = "2026-11-29T08:00:00+00:00_x1"


@pytest.fixture(scope="module")
def make(tmp_path_factory: pytest.TempPathFactory) -> Any:
    home = tmp_path_factory.mktemp("airflow")

    def made(*cases: dict[str, Any]) -> list[list[str]]:
        done = subprocess.run(
            [sys.executable, "-c", MAKE, json.dumps(cases)],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "AIRFLOW_HOME": str(home), "AIRFLOW__CORE__LOAD_EXAMPLES": "False"},
        )
        assert done.returncode == 0, done.stderr[-3000:]
        return json.loads(done.stdout.splitlines()[-1])

    return made


def test_runs_are_named_by_their_day_and_chosen_ids_are_kept(make: Any) -> None:
    prepare, train = {"dag_id": "pinsage_prepare"}, {"dag_id": "pinsage_train"}
    answers = make(
        {**prepare, "conf": {"day": DAY}},
        {**prepare, "conf": {"day": DAY, "walks.top_t": None}, "by": "rest_api"},
        {**prepare, "conf": {}, "partition_key": DAY},
        {**train, "partition_key": MONDAY, "kind": "asset_triggered", "by": "asset"},
        {**prepare, "conf": {"day": DAY}, "run_id": "audit"},
        {**prepare, "conf": {"day": DAY}, "by": "operator"},
        {**prepare, "conf": {}},
        {**prepare, "conf": {"day": "soon"}},
        {**prepare, "conf": None},
        {"dag_id": "another", "conf": {"day": DAY, "anything": 1}},
    )
    assert answers == [
        ["made", f"manual__{DAY}__{AFTER}"],
        ["made", f"manual__{DAY}__{AFTER}"],
        ["made", f"manual__{DAY}__{AFTER}"],
        ["made", f"asset_triggered__{SUNDAY}__{AFTER}"],
        ["made", "audit"],
        ["made", f"manual__{AFTER}"],
        ["made", f"manual__{AFTER}"],
        ["made", f"manual__{AFTER}"],
        ["made", f"manual__{AFTER}"],
        ["made", f"manual__{AFTER}"],
    ]


@pytest.mark.parametrize("by", ["ui", "rest_api", "cli", "operator", "backfill"])
def test_a_key_that_the_form_does_not_have_is_refused_by_whomever(make: Any, by: str) -> None:
    kind = "backfill" if by == "backfill" else "manual"
    (answer,) = make({"dag_id": "pinsage_publish", "conf": {"day": DAY, "forse": True}, "by": by, "kind": kind})
    assert answer[0] == "ParamValidationError"
    assert "'forse'; its fields are day, force, embedding." in answer[1]


def test_a_backfill_with_such_a_key_is_refused_as_a_whole(make: Any) -> None:
    good, bad = make(
        {"dag_id": "pinsage_prepare", "conf": {"walks.top_t": 5}, "backfill": True},
        {"dag_id": "pinsage_prepare", "conf": {"walks.topt": 5}, "backfill": True},
    )
    assert good == ["made", ""]
    assert bad[0] == "InvalidBackfillConf"
    assert "walks.topt" in bad[1]


def test_a_backfill_for_one_day_again_and_again_is_refused(make: Any) -> None:
    empty, same = make(
        {"dag_id": "pinsage_prepare", "conf": {"day": None}, "backfill": True},
        {"dag_id": "pinsage_prepare", "conf": {"day": DAY}, "backfill": True},
    )
    assert empty == ["made", ""]
    assert same[0] == "InvalidBackfillConf"
    assert "leave it empty" in same[1]
