"""The loop: it learns, it resumes to the same weights, it refuses what cannot be learnt from."""

from __future__ import annotations

import copy
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from pinsage.arrays.scratch import Scratch
from pinsage.evaluation.ranking import as_queries
from pinsage.model.config import ModelConfig
from pinsage.training.config import TrainingConfig
from pinsage.training.minibatch import TrainingData
from pinsage.training.state import TrainingState
from pinsage.training.trainer import embed_all, train
from tests.pinsage.training.planted import SMALL, planted_data

# The planted features are mostly noise: what is learnt comes from the neighborhoods.
MODEL = ModelConfig(hidden_width=16, width=16, top_t=6, skip=False)


def changed(data: TrainingData, **arrays: np.ndarray) -> TrainingData:
    return TrainingData(**{**vars(data), **arrays})


@pytest.mark.parametrize("loss", ["softmax", "max_margin"])
def test_neighbors_in_the_embedding_are_of_the_same_community(loss: str) -> None:
    data, tune = planted_data()
    config = SMALL.model_copy(update={"loss": loss, "epochs": 4, "epoch_steps": 15, "learning_rate": 0.02})
    model, history, _ = train(data, tune, MODEL, config)
    found = embed_all(model, data)
    queries = data.pairs[:200, 0]
    scores = as_queries(found[queries]) @ found.T
    scores[np.arange(len(queries)), queries] = -np.inf
    top = np.argsort(-scores, axis=1)[:, :10]
    assert (top % 8 == queries[:, None] % 8).mean() > 0.9, "content alone reaches 0.5, chance 0.125"
    assert [entry["step"] for entry in history["tune"]] == [15, 30, 45, 60]
    assert history["steps"][-1]["loss"] < history["steps"][0]["loss"]
    assert max(entry["hit_rate"] for entry in history["tune"]) > 0.7


def test_few_pairs_are_not_learned_by_heart() -> None:
    data, tune = planted_data()
    few = changed(data, pairs=data.pairs[:256], ages=data.ages[:256])
    _, history, _ = train(few, tune, MODEL, SMALL.model_copy(update={"max_epoch_passes": 1.5}))
    assert [entry["step"] for entry in history["tune"]] == [3, 6, 9]


@pytest.mark.parametrize("stopped_at", [8, 16, 24])
def test_resumed_training_ends_with_the_very_same_weights(stopped_at: int) -> None:
    data, tune = planted_data()
    kept: dict[int, TrainingState] = {}
    calm, history, _ = train(
        data, tune, MODEL, SMALL, on_checkpoint=lambda state: kept.update({state.step: copy.deepcopy(state)})
    )
    assert sorted(kept) == [8, 16, 24]
    torch.manual_seed(99)
    lines: list[dict[str, Any]] = []
    resumed, resumed_history, _ = train(data, tune, MODEL, SMALL, resume=kept[stopped_at], on_progress=lines.append)
    assert resumed_history == history
    for name, value in calm.state_dict().items():
        assert torch.equal(resumed.state_dict()[name], value), name
    assert all(line["step"] > stopped_at for line in lines if "loss" in line)


def test_the_best_epoch_is_kept_and_without_tuning_pairs_the_last() -> None:
    data, tune = planted_data()
    wild = SMALL.model_copy(update={"learning_rate": 1.0, "epochs": 4})
    states: list[TrainingState] = []
    model, history, _ = train(data, tune, MODEL, wild, on_checkpoint=lambda state: states.append(copy.deepcopy(state)))
    best = states[-1].best_epoch()
    assert states[-1].history == history
    assert torch.equal(model.head_output.weight, states[best].tensors["mean.head_output.weight"])
    states.clear()
    model, history, _ = train(
        data, tune[:0], MODEL, wild, on_checkpoint=lambda state: states.append(copy.deepcopy(state))
    )
    assert history["tune"] == []
    assert torch.equal(model.head_output.weight, states[-1].tensors["mean.head_output.weight"])


@pytest.mark.parametrize(
    ("rates", "best"),
    [
        ([0.5, 0.6, 0.61], 1),
        ([0.5, 0.6, 0.612, 0.624], 3),
        ([0.5, 0.505, 0.51, 0.515, 0.52], 4),
        ([0.5, 0.4], 0),
        ([0.0, 0.001], 1),
        ([1.0, 1.0], 0),
        ([], 0),
    ],
)
def test_an_epoch_is_better_by_more_than_a_standard_error(rates: list[float], best: int) -> None:
    state = TrainingState(history={"steps": [], "tune": [{"hit_rate": rate, "num_queries": 1000} for rate in rates]})
    assert state.best_epoch() == best, "0.0158 at 0.5"
    assert state.epochs_without_gain() == max(0, len(rates) - 1 - best)


def test_no_pairs_and_features_that_are_not_finite_are_refused() -> None:
    data, tune = planted_data()
    with pytest.raises(ValueError, match="no pairs"):
        train(changed(data, pairs=data.pairs[:0]), tune, MODEL, SMALL)
    with pytest.raises(FloatingPointError, match="step 0"):
        train(changed(data, features=np.full_like(data.features, np.nan)), tune, MODEL, SMALL)
    assert not [thread for thread in threading.enumerate() if thread.name == "minibatches"]


def test_no_hard_negatives_no_neighbors_and_a_failing_producer() -> None:
    data, tune = planted_data()
    empty = np.zeros(0, np.int32)
    bare = changed(
        data,
        hard_queries=empty,
        hard_pools=np.zeros((0, 4), np.int32),
        neighbors=np.full_like(data.neighbors, -1),
        importances=np.zeros_like(data.importances),
    )
    history = train(bare, tune, MODEL, SMALL).history
    assert np.isfinite(history["steps"][-1]["loss"])
    with pytest.raises(IndexError):
        train(changed(data, log_degrees=data.log_degrees[:5]), tune, MODEL, SMALL)


def test_a_training_ends_when_the_tuning_pairs_gain_no_more() -> None:
    data, tune = planted_data()
    wild = SMALL.model_copy(update={"learning_rate": 1.0, "epochs": 30, "patience": 2})
    kept: list[TrainingState] = []
    model, history, _ = train(data, tune, MODEL, wild, on_checkpoint=lambda state: kept.append(copy.deepcopy(state)))
    rates = [entry["hit_rate"] for entry in history["tune"]]
    assert len(rates) < 30
    assert kept[-1].epochs_without_gain() == 2
    assert torch.equal(model.head_output.weight, kept[-3].tensors["mean.head_output.weight"]), "the best epoch's"
    again, resumed_history, _ = train(data, tune, MODEL, wild, resume=kept[-1])
    assert resumed_history == history, "nothing is left to do"
    assert torch.equal(again.head_output.weight, model.head_output.weight)


def test_the_model_has_the_mean_of_its_last_weights() -> None:
    data, _ = planted_data()
    none = np.zeros((0, 2), np.int32)
    every: list[torch.Tensor] = []

    def keep(state: TrainingState) -> None:
        every.append(state.tensors["model.head_output.weight"].clone())

    config = SMALL.model_copy(update={"averaging": 0.75, "checkpoint_steps": 1, "epochs": 1})
    model = train(data, none, MODEL, config, on_checkpoint=keep).model
    mean = every[0]
    for weights in every[1:]:
        mean = 0.75 * mean + 0.25 * weights
    assert torch.allclose(model.head_output.weight, mean, atol=1e-6)
    last = train(data, none, MODEL, config.model_copy(update={"averaging": 0.0})).model
    assert torch.equal(last.head_output.weight, every[-1])


def test_overlap_changes_no_weight_and_is_measured() -> None:
    data, tune = planted_data()
    ahead = train(data, tune, MODEL, SMALL)
    alone = train(data, tune, MODEL, SMALL, overlap=False)
    assert torch.equal(ahead.model.head_output.weight, alone.model.head_output.weight)
    assert alone.measurements["idle_share"] == pytest.approx(alone.measurements["idle_share_without_overlap"], abs=1e-3)
    assert [epoch["step"] for epoch in ahead.measurements["epochs"]] == [8, 16, 24]
    assert 0 <= ahead.measurements["idle_share"] <= 1
    assert ahead.measurements["examples_per_second"] > 0


def test_bfloat16_learns_too() -> None:
    data, tune = planted_data()
    config = SMALL.model_copy(update={"precision": "bfloat16", "epochs": 4, "epoch_steps": 15, "learning_rate": 0.02})
    model, history, _ = train(data, tune, MODEL, config)
    assert model.head_output.weight.dtype == torch.float32
    assert max(entry["hit_rate"] for entry in history["tune"]) > 0.7
    exact = train(data, tune, MODEL, config.model_copy(update={"precision": "float32"}))
    assert not torch.equal(exact.model.head_output.weight, model.head_output.weight)


def test_schedule_fits_any_number_of_items() -> None:
    data, tune = planted_data(num_items=40, num_communities=4)
    config = TrainingConfig(epochs=1, epoch_steps=2, batch_pairs=4096, shared_negatives=2000)
    assert not train(data, tune, MODEL, config).model.training


def test_a_scratch_folder_that_cannot_be_written_is_refused_before_the_first_step(tmp_path: Path) -> None:
    data, tune = planted_data()
    (tmp_path / "file").write_text("no folder")
    lines: list[dict[str, Any]] = []
    with pytest.raises(OSError, match="bytes of scratch.*PINSAGE_CACHE"):
        train(data, tune, MODEL, SMALL, scratch=Scratch(tmp_path / "file" / "scratch"), on_progress=lines.append)
    assert lines == []
