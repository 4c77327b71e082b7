"""The evaluations of past models beside this one; no part of the version, since later runs add to them."""

from __future__ import annotations

from tasks.report.blocks import Chart, Section
from tasks.report.charts import lines
from tasks.report.sources import Sources

MAX_DAYS = 26
METRICS = ("hit_rate@500", "mrr_scaled")


def history(sources: Sources) -> Section | None:
    """The model and the baselines over the days that were evaluated, up to this one; None where there is one alone."""
    days = [day for day in sources.store.partitions("evaluation") if day <= sources.day][-MAX_DAYS:]
    if len(days) < 2:
        return None
    chosen = {day: sources.store.versions("evaluation", day)[-1] for day in days}
    if sources.evaluation is not None:
        chosen[sources.evaluation.partition] = sources.evaluation
    measured = {day: version.json("metrics")["methods"] for day, version in sorted(chosen.items())}
    charts = []
    for metric in METRICS:
        rows = [
            {"day": day, "value": values[metric], "method": method}
            for day, methods in measured.items()
            for method, values in methods.items()
            if values.get(metric) is not None
        ]
        if rows:
            drawn = lines(rows, "day", "value", "day", kind="method", points=True)
            charts.append(Chart(drawn, f"{metric} of the models trained for each day, on the pairs that followed."))
    return Section("History", "Whether it gets better: every evaluation so far.", charts)
