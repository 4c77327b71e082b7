"""The training loop: minibatches built ahead, curriculum, checkpoints, the best mean weights by the tuning pairs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from pinsage.arrays.scratch import IN_MEMORY, Scratch
from pinsage.evaluation.ranking import rank_by_vectors
from pinsage.model.config import ModelConfig
from pinsage.model.layerwise import Layerwise
from pinsage.model.pinsage import PinSage
from pinsage.training.config import TrainingConfig
from pinsage.training.loss import accidental_positives, max_margin_loss, softmax_loss
from pinsage.training.minibatch import Minibatch, MinibatchBuilder, TrainingData
from pinsage.training.peers import Peers
from pinsage.training.producer import produce
from pinsage.training.schedule import learning_rate, num_hard_negatives
from pinsage.training.state import TrainingState
from pinsage.training.throughput import Throughput

TUNE_K = 500
LOG_STEPS = 10


class Trained(NamedTuple):
    """A trained model.

    Attributes:
        model: In evaluation mode, on the CPU.
        history: ``steps`` (every 10: loss, learning rate, hard negatives of a pair) and ``tune`` (every epoch: hit-rate
            of the tuning pairs); the same for every run, resumed or not.
        measurements: Examples per second and idle shares of this process's run; never the same twice.
    """

    model: PinSage
    history: dict[str, Any]
    measurements: dict[str, Any]


def train(
    data: TrainingData,
    tune_pairs: np.ndarray,
    model_config: ModelConfig,
    config: TrainingConfig,
    *,
    peers: Peers | None = None,
    resume: TrainingState | None = None,
    overlap: bool = True,
    scratch: Scratch = IN_MEMORY,
    on_checkpoint: Callable[[TrainingState], None] = lambda state: None,
    on_progress: Callable[[dict[str, Any]], None] = lambda line: None,
) -> Trained:
    """Train a model; the same arguments give the same weights, resumed or not.

    Args:
        data: Features, neighborhoods, pairs, hard negatives.
        tune_pairs: int32 [m, 2], ranked after every epoch; the best epoch's mean weights come back, without pairs the
            last's.
        model_config: The network.
        config: The schedule.
        peers: The processes that share every minibatch; the first one ranks, reports and keeps checkpoints.
        resume: Where an earlier attempt stopped.
        overlap: Build minibatches while others are computed.
        scratch: Where all items are embedded after every epoch, to rank the tuning pairs.
        on_checkpoint: Called every ``checkpoint_steps`` steps.
        on_progress: Called every few steps with step, loss, rates.

    Raises:
        ValueError: There are no pairs.
        OSError: The scratch folder can't be written or has no room; before the first step.
        FloatingPointError: The loss is not finite.
    """
    if not len(data.pairs):
        raise ValueError("training: there are no pairs; ingest saves with several items per board, or widen the window")
    config = config.for_pairs(len(data.pairs))
    peers = peers or Peers()
    torch.use_deterministic_algorithms(True)
    torch.manual_seed(config.seed)
    model = PinSage(data.features.shape[1], model_config).to(peers.device)
    optimizer = torch.optim.Adam(model.parameters(), lr=config.learning_rate)
    state = resume or TrainingState()
    averaged = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(config.averaging))  # type: ignore[no-untyped-call]  # torch has no types here
    mean = averaged.module
    assert isinstance(mean, PinSage), "a copy of the model"
    if state.step:
        state.restore(model, mean, optimizer)
        averaged.n_averaged.fill_(state.step)
    if peers.rank == 0 and len(tune_pairs):
        scratch.array((data.num_items, Layerwise(model).scratch_width()), np.float32)  # else refused after an epoch
    averaging = peers.average_gradients_of(model)
    builder = MinibatchBuilder(data, config, model_config, peers.rank, peers.size)
    total = config.epochs * config.epoch_steps
    if state.epochs_without_gain() >= config.patience:
        total = state.step
    throughput = Throughput(config.batch_pairs)
    for step, batch, waited, building in produce(builder.build, state.step, total, overlap=overlap):
        throughput.add(waited, building)
        rate = learning_rate(step, config)
        for group in optimizer.param_groups:
            group["lr"] = rate
        with torch.autocast(peers.device.type, torch.bfloat16, enabled=config.precision == "bfloat16"):
            loss = batch_loss(averaging, batch.to(peers.device), model_config, config)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]  # torch has no types here
        optimizer.step()
        averaged.update_parameters(model)
        if not torch.isfinite(loss):
            advice = "lower training.learning_rate" if step else "features are not finite"
            raise FloatingPointError(f"training: the loss is {loss.item()} at step {step}; {advice}")
        state.step = step + 1
        if state.step % LOG_STEPS == 0 or state.step == total:
            line = {
                "step": state.step,
                "loss": round(peers.mean(loss), 6),
                "learning_rate": rate,
                "hard_negatives": num_hard_negatives(step, config),
            }
            state.history["steps"].append(line)
            on_progress({**line, "of": total, **throughput.so_far()})
        if state.step % config.epoch_steps == 0:
            _tune(mean, data, tune_pairs, config, state, peers, scratch)
            on_progress({"epoch": state.step // config.epoch_steps, **(state.history["tune"] or [{}])[-1]})
            throughput.end_epoch(state.step)
        if state.step % config.checkpoint_steps == 0:
            state.keep(model, mean, optimizer)
            on_checkpoint(state)
        if state.step % config.epoch_steps == 0 and state.epochs_without_gain() >= config.patience:
            break
    state.restore_best(mean)
    return Trained(mean.cpu().eval(), state.history, throughput.measurements())


def embed_all(
    model: PinSage, data: TrainingData, device: torch.device | None = None, scratch: Scratch = IN_MEMORY
) -> np.ndarray:
    """Embeddings of every item, layer by layer and chunk by chunk, float32 [num_items, D (+ 1)]."""
    inference = Layerwise(model, threads=torch.get_num_threads(), device=device or torch.device("cpu"))
    return inference.embed_all(data.features, data.neighbors, data.importances, data.log_degrees, scratch)


def batch_loss(model: torch.nn.Module, batch: Minibatch, model_config: ModelConfig, config: TrainingConfig) -> Tensor:
    """The loss of a minibatch, a mean over its pairs."""
    vectors, terms = model(batch.features, batch.blocks, batch.log_degrees)
    vectors, terms = vectors.float(), terms.float()
    scale = 1.0 if config.loss == "max_margin" else 1.0 / model_config.temperature
    # The margin is in cosine; there the popularity term weighs what it weighs in the index.
    offset = terms if config.loss == "softmax" else terms * model_config.temperature
    query = vectors[batch.query] * scale
    positive = (query * vectors[batch.item]).sum(dim=1) + offset[batch.item]
    negative = query @ vectors[batch.shared].T + offset[batch.shared]
    safe = batch.hard.clamp(min=0)
    hard = torch.einsum("bd,bxd->bx", query, vectors[safe]) + offset[safe]
    hard = hard.masked_fill(batch.hard < 0, -torch.inf)
    masked = accidental_positives(batch)
    if config.loss == "max_margin":
        return max_margin_loss(positive, negative, masked, hard, config.margin)
    if config.log_q:
        negative = negative - batch.shared_log_counts
    return softmax_loss(positive, negative, masked, hard)


def _tune(
    model: PinSage,
    data: TrainingData,
    tune_pairs: np.ndarray,
    config: TrainingConfig,
    state: TrainingState,
    peers: Peers,
    scratch: Scratch,
) -> None:
    at = min(TUNE_K, max(1, data.num_items // 10))
    rate, num_queries = float("nan"), 0
    if peers.rank == 0 and len(tune_pairs):
        vectors = embed_all(model, data, peers.device, scratch)
        queries, positives = tune_pairs.T
        ranks = rank_by_vectors(vectors, vectors, queries, positives, popularity=model.config.popularity)
        defined = ranks[~np.isnan(ranks)]
        if len(defined):
            rate, num_queries = float((defined <= at).mean()), len(defined)
    rate, num_queries = peers.from_first(rate), int(peers.from_first(num_queries))
    if np.isnan(rate):
        return
    state.history["tune"].append({"step": state.step, "hit_rate": rate, "at": at, "num_queries": num_queries})
    if state.epochs_without_gain() == 0:
        state.keep_best(model)
