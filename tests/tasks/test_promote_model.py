"""The gate of promotion, on models that are really evaluated: one ranks by popularity, one at random."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from pinsage.evaluation.promotion import decide_promotion
from pinsage.model.config import ModelConfig
from pinsage.model.pinsage import PinSage
from pinsage.store import ReferenceMovedError, Store, Version
from tasks.embed.embed_day import embed_day
from tasks.evaluate.evaluate_champion import measure_rival
from tasks.evaluate.evaluate_model import evaluate_model
from tasks.evaluate.promote_model import Promotion, promote_model
from tasks.prepare.prepared import Prepared, record_prepared
from tasks.runtime.session import Session
from tests.tasks.test_embed_items import DAYS, SETTINGS, prepare

AS_OF, LATER = DAYS
GATE: dict[str, Any] = {
    **SETTINGS,
    "evaluation.baselines": ["popularity", "content"],
    "evaluation.bootstrap_samples": 20,
    "evaluation.similarity_samples": 100,
    "promotion.max_slice_loss": 1.0,
    "promotion.first_model_content_factor": 0.0,
}


@dataclass(frozen=True)
class Candidates:
    """A store with two models, an evaluation of each on the same pairs, and what they were made from."""

    root: Path
    as_of: Prepared
    pairs: tuple[Version, Version]


@pytest.fixture(scope="module")
def candidates(tmp_path_factory: pytest.TempPathFactory) -> Candidates:
    root = tmp_path_factory.mktemp("candidates")
    session = Session.open(str(root), GATE)
    as_of = prepare(session, AS_OF)
    record_prepared(session, AS_OF, as_of.catalog, as_of.graph, as_of.features, as_of.neighborhoods)
    rng = np.random.default_rng(0)
    degrees = np.diff(as_of.graph.array("item_offsets")).astype(np.float64)
    popular = rng.choice(len(degrees), 400, p=degrees**4 / (degrees**4).sum())
    chosen = np.stack([rng.integers(0, len(degrees), 400), popular], axis=1).astype(np.int32)
    made = []
    for dataset in ("pairs", "holdout_pairs"):
        with session.store.write(dataset, partition=LATER, inputs=[], config={}, code_version=0) as out:
            out.write_array("pairs", chosen)
            out.write_array("boards", np.arange(400))
        made.append(out.version)
    return Candidates(root, as_of, (made[0], made[1]))


@pytest.fixture
def session(candidates: Candidates, tmp_path: Path) -> Session:
    shutil.copytree(candidates.root, tmp_path / "store")
    return Session.open(str(tmp_path / "store"), GATE)


def evaluated(session: Session, candidates: Candidates, popularity_weight: float, day: str = LATER) -> Version:
    """The evaluation of an untrained model that adds so much of the log degree to its scores."""
    store, as_of = session.store, candidates.as_of
    torch.manual_seed(6)
    network = PinSage(as_of.features.facts["width"], ModelConfig(hidden_width=16, width=8, top_t=5))
    network.degree_weight.data.fill_(popularity_weight)
    inputs = [as_of.graph, as_of.features]
    with (
        store.write("model", partition=day, inputs=inputs, config={"w": popularity_weight}, code_version=0) as out,
        tempfile.TemporaryDirectory() as folder,
    ):
        if not out.is_committed:
            save_file(network.state_dict(), Path(folder) / "weights")
            out.write_file("weights", Path(folder) / "weights", ".safetensors")
            out.write_json("architecture", network.architecture())
    return evaluate_model(session, day, as_of, embed_day(session, as_of, out.version), *candidates.pairs)


def champion(store: Store) -> str | None:
    head = store.ref("champion").head()
    return None if head is None else head.uri


def promote(session: Session, evaluation: Version, **settings: Any) -> Promotion:
    asked = {**GATE, **{f"promotion.{name}": value for name, value in settings.items()}}
    session = Session.open(session.store.root, asked)
    return promote_model(session, evaluation, measure_rival(session, evaluation))


GOOD, BAD = 100.0, 0.0


def test_a_better_challenger_becomes_champion_and_the_reason_is_recorded(
    session: Session, candidates: Candidates
) -> None:
    assert promote(session, evaluated(session, candidates, BAD)).reason == "the first model"
    better = evaluated(session, candidates, GOOD)
    decision = promote(session, better)
    assert decision.promoted
    assert champion(session.store) == decision.model == session.store.input_of(better, "model").uri
    entry = session.store.ref("champion").head()
    assert entry is not None
    assert entry.details == {"reason": decision.reason, "evaluation": better.uri}
    assert promote(session, better).reason == "is the champion already"


def test_a_worse_challenger_is_not_promoted(session: Session, candidates: Candidates) -> None:
    held = promote(session, evaluated(session, candidates, GOOD)).model
    decision = promote(session, evaluated(session, candidates, BAD))
    assert not decision.promoted
    assert "no gain above 0" in decision.reason
    assert champion(session.store) == held


def test_a_gain_below_the_required_one_is_not_enough(session: Session, candidates: Candidates) -> None:
    promote(session, evaluated(session, candidates, BAD))
    assert "no gain above 10" in promote(session, evaluated(session, candidates, GOOD), min_gain=10.0).reason


def test_a_loss_where_targets_have_few_saves_outweighs_the_gain(session: Session, candidates: Candidates) -> None:
    held = promote(session, evaluated(session, candidates, BAD)).model
    decision = promote(session, evaluated(session, candidates, GOOD), max_slice_loss=0.1)
    assert not decision.promoted
    assert "where targets have few saves" in decision.reason
    assert champion(session.store) == held


def test_few_queries_dethrone_nobody(session: Session, candidates: Candidates) -> None:
    promote(session, evaluated(session, candidates, BAD), min_queries=1_000)
    decision = promote(session, evaluated(session, candidates, GOOD), min_queries=1_000)
    assert (decision.promoted, decision.reason) == (False, "400 queries are too few to decide, expected 1000")


def test_the_first_model_must_hold_its_own_against_content(session: Session, candidates: Candidates) -> None:
    decision = promote(session, evaluated(session, candidates, BAD), first_model_content_factor=50.0)
    assert not decision.promoted
    assert "expected at least 50 times content" in decision.reason
    assert champion(session.store) is None


def test_a_first_model_that_nothing_measures_is_promoted_only_when_told_so(
    session: Session, candidates: Candidates
) -> None:
    with session.store.write("holdout_pairs", partition=LATER, inputs=[], config={}, code_version=9) as out:
        out.write_array("pairs", np.zeros((0, 2), np.int32))
        out.write_array("boards", np.zeros(0, np.uint64))
    unmeasured = evaluated(session, replace(candidates, pairs=(candidates.pairs[0], out.version)), GOOD)
    decision = promote(session, unmeasured, first_model_content_factor=0.5)
    assert not decision.promoted
    assert f"no pair of known items is held out, neither of the days after {AS_OF}" in decision.reason
    assert "promotion.first_model_content_factor=0" in decision.reason
    assert champion(session.store) is None
    assert "of unknown quality" in promote(session, unmeasured).reason
    assert champion(session.store) == decision.model


def test_a_metric_that_both_exhaust_is_named(session: Session) -> None:
    everything: dict[str, Any] = {"pool_size": 300, "methods": {"pinsage": {"hit_rate@500": 1.0}}}
    promoted, reason = decide_promotion(everything, everything, session.config.promotion)
    assert not promoted
    assert "tells nothing among 300 items; set promotion.metric=mrr" in reason
    everything["methods"]["content"] = {"hit_rate@500": 1.0}
    config = session.config.promotion.model_copy(update={"first_model_content_factor": 0.5})
    promoted, reason = decide_promotion(everything, None, config)
    assert promoted
    assert "hit_rate@500 tells nothing among 300 items; set promotion.metric=mrr" in reason


def test_a_challenger_for_an_earlier_day_never_replaces_the_champion(session: Session, candidates: Candidates) -> None:
    held = promote(session, evaluated(session, candidates, BAD)).model
    decision = promote(session, evaluated(session, candidates, GOOD, day=AS_OF))
    assert (decision.promoted, decision.reason) == (False, f"the champion is of {LATER}, a later day")
    assert champion(session.store) == held


def test_a_champion_that_was_not_measured_stays(session: Session, candidates: Candidates) -> None:
    challenger = evaluated(session, candidates, GOOD)
    measured = measure_rival(session, challenger)
    assert measured is None, "no champion yet"
    held = promote(session, evaluated(session, candidates, BAD)).model
    with pytest.raises(ReferenceMovedError, match="no champion was measured; run evaluate_champion and promote_model"):
        promote_model(session, challenger, measured)
    assert champion(session.store) == held
