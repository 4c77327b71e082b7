"""Which of a day's evaluations is shown, and how."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from pinsage.store import Version
from tasks.evaluate.evaluation_table import evaluation_markdown, evaluation_table, headline, metrics_of_day
from tasks.runtime.session import Session

BEFORE, DAY = "2026-03-01", "2026-03-02"


def model_of(session: Session, day: str) -> Version:
    with session.store.write("model", partition=day, inputs=[], config={}, code_version=1) as out:
        pass
    return out.version


def evaluation_of(session: Session, model: Version, **settings: object) -> Version:
    config = session.config.evaluation.measurable.model_copy(update=settings)
    with session.store.write("evaluation", partition=DAY, inputs=[model], config=config, code_version=1) as out:
        out.write_json("metrics", {"methods": {}})
    return out.version


def test_of_the_days_own_model_as_it_was_promoted_else_of_the_settings_given(memory_folder: Path) -> None:
    session = Session.open(str(memory_folder))
    old, new = model_of(session, BEFORE), model_of(session, DAY)
    session.store.ref("champion").append(old.uri)
    for_decision = evaluation_of(session, old)
    assert metrics_of_day(session, DAY)["version"] == for_decision.uri
    others = [evaluation_of(session, new, max_queries=number) for number in range(1, 6)]
    own = evaluation_of(session, new)
    assert metrics_of_day(session, DAY)["version"] == own.uri
    session.store.ref("champion").append(new.uri, details={"evaluation": others[2].uri})
    assert metrics_of_day(session, DAY)["version"] == others[2].uri


def test_every_method_has_its_name_and_nothing_is_cut_off_on_80_columns() -> None:
    names = ("hit_rate@10", "hit_rate@50", "hit_rate@500", "mrr", "mrr_scaled")

    def values(rate: float | None) -> dict[str, object]:
        return {**dict.fromkeys(names, rate), "interval": {name: [0.0, 1.0] for name in names}}

    metrics = {
        "num_queries": 10_000,
        "pool_size": 92_331,
        "reciprocal_scale": 100,
        "methods": {"content": values(0.0123), "pinsage": values(0.5), "matrix_factorisation": values(None)},
        "without_popularity": {"all": values(0.25)},
    }
    console = Console(width=80, record=True)
    console.print(evaluation_table(metrics))
    lines = console.export_text().splitlines()
    assert "…" not in "".join(lines)
    rows = [[cell.strip() for cell in line.strip("│ ").split("│")] for line in lines if line.startswith("│")]
    assert rows == [
        ["PinSage", *["0.500"] * 5],
        ["PinSage, likeness alone", *["0.250"] * 5],
        ["matrix factorisation", *["-"] * 5],
        ["content", *["0.012"] * 5],
    ]
    shown = evaluation_markdown(metrics).splitlines()
    assert shown[0] == "| method | hit-rate@10 | hit-rate@50 | hit-rate@500 | MRR | MRR, scaled by 100 |"
    assert shown[3] == "| PinSage, likeness alone | 0.250 | 0.250 | 0.250 | 0.250 | 0.250 |"
    metrics["without_popularity"] = {"all": values(0.5)}
    assert len(evaluation_markdown(metrics).splitlines()) == 5, "a model without popularity term has one row"


def test_the_headline_is_of_the_widest_rank_that_tells_methods_apart() -> None:
    ranks = ("hit_rate@10", "hit_rate@50", "hit_rate@500")
    methods = {
        "pinsage": dict(zip(ranks, (0.26, 0.999, 1.0), strict=True)),
        "content": dict(zip(ranks, (0.1, 0.29, 1.0), strict=True)),
    }
    metrics = {"num_queries": 3_443, "pool_size": 800, "reciprocal_scale": 100, "methods": methods}
    shown = headline(metrics)
    assert shown is not None
    assert (shown.metric, shown.ours, shown.best, shown.other) == ("hit-rate@50", 0.999, "content", 0.29)
    methods["content"]["hit_rate@500"] = 0.9
    alone = headline(metrics)
    assert alone is not None
    assert (alone.metric, alone.ours) == ("hit-rate@500", 1.0), "nobody else finds everything"
