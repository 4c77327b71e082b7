"""How fast it was made and answers; no part of the version, since times differ from run to run."""

from __future__ import annotations

from tasks.report.sources import Sources
from tasks.runtime.pages.blocks import Chart, Facts, Section
from tasks.runtime.pages.charts import lines, scatter


def speed(sources: Sources) -> Section:
    """Training epoch by epoch, the share of the embeddings that was computed anew, and what recall costs in time."""
    return Section(
        "Speed",
        "Measured while the versions were made, beside whatever other work the machine had.",
        [Facts(_numbers(sources)), *_training(sources), *_index(sources)],
    )


def _numbers(sources: Sources) -> list[tuple[str, str]]:
    trained, embedded = sources.model.measurements, sources.embeddings.measurements
    shown = [
        (trained.get("examples_per_second"), "{:,.0f}", "pairs trained on in a second"),
        (trained.get("idle_share"), "{:.1%}", "of the training spent waiting for minibatches"),
        (
            embedded.get("share_computed"),
            "{:.1%}",
            "of the embedding rows computed anew, the others copied from an earlier day",
        ),
        (embedded.get("compute_seconds"), "{:,.1f} s", "spent on computing them"),
        (embedded.get("compute_seconds_saved"), "{:,.1f} s", "saved by copying"),
    ]
    return [(form.format(value), text) for value, form, text in shown if value is not None]


def _training(sources: Sources) -> list[Chart]:
    epochs = sources.model.measurements.get("epochs", [])
    if len(epochs) < 2:
        return []
    idle = [
        {"step": epoch["step"], "share": epoch[name], "measured": text}
        for epoch in epochs
        for name, text in (
            ("idle_share", "as it was"),
            ("idle_share_without_overlap", "without building ahead"),
        )
    ]
    return [
        Chart(lines(epochs, "step", "examples_per_second", "step"), "Pairs trained on in a second, by epoch."),
        Chart(
            lines(idle, "step", "share", "step", kind="measured"),
            "Share of the time that the trainer waited for minibatches, which a thread builds ahead.",
        ),
    ]


def _index(sources: Sources) -> list[Chart]:
    recall, measured = sources.index.json("recall"), sources.index.measurements
    points = [
        {"milliseconds": round(1000 * seconds, 3), "recall": point["recall"], "measured": kind}
        for kind, curve, times in (
            ("whole index", recall["curve"], measured.get("seconds_per_query", [])),
            ("one shard", recall["shard_curves"], measured.get("shard_seconds_per_query", [])),
        )
        for point, seconds in zip(curve, times, strict=False)
        if point["recall"] is not None
    ]
    if not points:
        return []
    size = sum(shard["size_bytes"] for shard in sources.index.json("sidecar")["shards"])
    caption = (
        f"What recall@{recall['k']} costs: milliseconds for a query on one thread. "
        f"The trees take {size / 2**20:,.0f} MiB."
    )
    return [Chart(scatter(points, "milliseconds", "recall", "measured", "milliseconds"), caption)]
