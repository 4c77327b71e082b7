"""The evaluations of past models beside this one; no part of the version, since later runs add to them."""

from __future__ import annotations

from typing import Any

from pinsage.store import Version
from pinsage.store.names import split_uri
from tasks.evaluate.evaluation_table import METHODS
from tasks.report.sources import Sources
from tasks.runtime.pages.blocks import Chart, Section
from tasks.runtime.pages.charts import lines

MAX_DAYS = 26
METRICS = {"hit_rate@500": "Hit-rate@500", "mrr_scaled": "Scaled MRR"}
FORMER = "PinSage, an earlier model"


def history(sources: Sources) -> Section | None:
    """The model and the baselines over the days that were evaluated, up to this one; None where there is one alone."""
    days = [day for day in sources.store.partitions("evaluation") if day <= sources.day][-MAX_DAYS:]
    if len(days) < 2:
        return None
    measured = {day: _methods_of(sources, day) for day in days}
    charts = []
    for metric, name in METRICS.items():
        rows = [
            {"day": day, "value": values[metric], "method": method}
            for day, methods in measured.items()
            for method, values in methods.items()
            if values.get(metric) is not None
        ]
        if rows:
            drawn = lines(rows, "day", "value", "day", kind="method", points=True)
            charts.append(Chart(drawn, f"{name}, by the day that a model was trained for."))
    note = (
        "Every day with an evaluation: its model and the methods beside it, on the pairs held out then. Pairs differ "
        "from day to day, so compare the lines on one day first. Where a model had to beat an earlier one, that one "
        "was asked the same pairs."
    )
    return Section("History", note, charts)


def _methods_of(sources: Sources, day: str) -> dict[str, Any]:
    """Measures of a day's own model and of the baselines, by name, and of the model that it was held against."""
    store = sources.store
    promoted = {entry.details.get("evaluation") for entry in store.ref("champion").history()}
    present = None if sources.evaluation is None else sources.evaluation.uri
    evaluations = sorted(
        store.versions("evaluation", day),
        # Rows of an ablation lie beside a day's own model, measured beside fewer methods.
        key=lambda each: (
            each.uri == present,
            each.uri in promoted,
            len(each.json("metrics")["methods"]),
            each.fingerprint,
        ),
    )
    own = [each for each in evaluations if _model_day(each) == day]
    former = [each for each in evaluations if _model_day(each) < day]
    chosen = (own or evaluations)[-1]
    methods = {METHODS[name][0]: values for name, values in chosen.json("metrics")["methods"].items()}
    if own and former:
        methods[FORMER] = former[-1].json("metrics")["methods"]["pinsage"]
    return methods


def _model_day(evaluation: Version) -> str:
    """The day that the evaluated model was trained for."""
    models = [split_uri(used.uri)[1] for used in evaluation.inputs if split_uri(used.uri)[0] == "model"]
    return models[0] if models else evaluation.partition
