"""How the model was trained: its curves."""

from __future__ import annotations

from tasks.report.sources import Sources
from tasks.runtime.pages.blocks import Chart, Facts, Section
from tasks.runtime.pages.charts import lines

CURVES = {
    "loss": "Training loss, lower is better; every epoch adds harder negatives, so it does not fall steadily.",
    "learning_rate": "Learning rate, the size of a step: warm-up, then exponential decay.",
    "hard_negatives": "The curriculum: hard negatives, items that are nearly right, shown with each pair.",
}


def training(sources: Sources) -> Section:
    """Every curve that the history holds, and the hit-rate on the tuning pairs; times are in `speed.py`."""
    history = sources.model.json("history")
    charts = []
    if history["tune"]:
        at = history["tune"][0]["at"]
        drawn = lines(history["tune"], "step", "hit_rate", "step", points=True)
        caption = (
            f"After each epoch: the share of {history['tune'][0]['num_queries']:,} tuning pairs, which are not trained "
            f"on, whose item is among the first {at}. Kept are the weights of the best epoch, the one that no later "
            "one beats by more than a standard error."
        )
        charts.append(Chart(drawn, caption))
    for name, caption in CURVES.items():
        rows = [{"step": line["step"], "value": line[name]} for line in history["steps"] if name in line]
        if len({row["value"] for row in rows}) > 1:
            charts.append(Chart(lines(rows, "step", "value", "step"), caption))
    facts = sources.model.facts
    known = [("num_pairs", "pairs trained on"), ("num_parameters", "parameters"), ("width", "numbers of an embedding")]
    numbers = [(f"{facts[name]:,}", text) for name, text in known if name in facts]
    note = (
        f"The model of {sources.model.partition}, trained on pairs up to {facts.get('as_of_day', 'that day')} and the "
        f"graph of {facts.get('graph_day', 'that day')}."
    )
    return Section("Training", note, [Facts(numbers), *charts])
