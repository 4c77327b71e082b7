"""The training loop: producer ahead of the consumer, curriculum, checkpoints, the best weights by the tuning pairs."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pinsage.evaluation.ranking import rank_by_vectors
from pinsage.model.config import ModelConfig
from pinsage.model.layerwise import Layerwise
from pinsage.model.pinsage import PinSage
from pinsage.training.config import TrainingConfig
from pinsage.training.loss import max_margin_loss, softmax_loss
from pinsage.training.minibatch import Minibatch, MinibatchBuilder, TrainingData
from pinsage.training.schedule import learning_rate, num_hard_negatives

TUNE_K = 500
PREFETCH = 2


@dataclass
class TrainingState:
    """All that a resumed training needs; ``step`` steps are done.

    Attributes:
        step: Steps done.
        tensors: Weights ``model.*``, Adam's moments ``adam.*`` and the best weights so far ``best.*``.
        history: Curves; see `train`.
    """

    step: int = 0
    tensors: dict[str, Tensor] = field(default_factory=dict)
    history: dict[str, Any] = field(default_factory=lambda: {"steps": [], "tune": []})


def train(
    data: TrainingData,
    tune_pairs: np.ndarray,
    model_config: ModelConfig,
    config: TrainingConfig,
    *,
    resume: TrainingState | None = None,
    on_checkpoint: Callable[[TrainingState], None] = lambda state: None,
    on_progress: Callable[[dict[str, Any]], None] = lambda line: None,
) -> tuple[PinSage, dict[str, Any]]:
    """Train a model; the same arguments give the same weights, resumed or not.

    Args:
        data: Features, neighborhoods, pairs, hard negatives.
        tune_pairs: int32 [m, 2], ranked after every epoch; the best epoch's weights are returned. None: the last's.
        model_config: The network.
        config: The schedule.
        resume: Where an earlier attempt stopped.
        on_checkpoint: Called every ``checkpoint_steps`` steps.
        on_progress: Called every few steps with step, loss, rates.

    Returns:
        The model in evaluation mode, and ``{"steps": [...], "tune": [...]}`` without any times.

    Raises:
        ValueError: There are no pairs.
        FloatingPointError: The loss is not finite.
    """
    if not len(data.pairs):
        raise ValueError("training: there are no pairs; ingest saves with several items per board, or widen the window")
    torch.use_deterministic_algorithms(True)
    torch.manual_seed(config.seed)
    model = PinSage(data.features.shape[1], model_config)
    optimizer = torch.optim.Adam(model.parameters(), lr=config.learning_rate)
    state = resume or TrainingState()
    if state.step:
        _restore(model, optimizer, state)
    builder = MinibatchBuilder(data, config, model_config.num_layers)
    total = config.epochs * config.epoch_steps
    started, idle = time.monotonic(), 0.0
    for step, batch, waited in _produce(builder, state.step, total):
        idle += waited
        rate = learning_rate(step, config)
        for group in optimizer.param_groups:
            group["lr"] = rate
        loss = _loss(model, batch, config)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        if not torch.isfinite(loss):
            raise FloatingPointError(
                f"training: the loss is {loss.item()} at step {step}; lower training.learning_rate"
            )
        if (step + 1) % 10 == 0 or step + 1 == total:
            hard = num_hard_negatives(step, config)
            line = {"step": step + 1, "loss": round(loss.item(), 6), "learning_rate": rate, "hard_negatives": hard}
            state.history["steps"].append(line)
            seconds = time.monotonic() - started
            on_progress({**line, "of": total, "seconds": round(seconds, 1), "idle_share": round(idle / seconds, 3)})
        state.step = step + 1
        if state.step % config.epoch_steps == 0:
            _tune(model, data, tune_pairs, config, state)
            on_progress({"epoch": state.step // config.epoch_steps, **(state.history["tune"] or [{}])[-1]})
        if state.step % config.checkpoint_steps == 0:
            _keep(model, optimizer, state)
            on_checkpoint(state)
    best = {name.removeprefix("best."): value for name, value in state.tensors.items() if name.startswith("best.")}
    if best:
        model.load_state_dict(best)
    return model.eval(), state.history


def embed_all(model: PinSage, data: TrainingData) -> np.ndarray:
    """Embeddings of every item, layer by layer in memory, float32 [num_items, D (+ 1)]."""
    inference = Layerwise(model, threads=torch.get_num_threads())
    return inference.embed_all(data.features, data.neighbors, data.importances, data.log_degrees)


def as_queries(embeddings: np.ndarray, popularity: bool) -> np.ndarray:
    """Embeddings asked as queries: 1 in the column of the popularity term."""
    if not popularity:
        return embeddings
    queries = embeddings.copy()
    queries[:, -1] = 1.0
    return queries


def _loss(model: PinSage, batch: Minibatch, config: TrainingConfig) -> Tensor:
    vectors, terms = model(batch.features, batch.blocks, batch.log_degrees)
    scale = 1.0 if config.loss == "max_margin" else 1.0 / model.config.temperature
    # The margin is in cosine; there the popularity term weighs what it weighs in the index.
    offset = terms if config.loss == "softmax" else terms * model.config.temperature
    query = vectors[batch.query] * scale
    positive = (query * vectors[batch.item]).sum(dim=1) + offset[batch.item]
    negative = query @ vectors[batch.shared].T + offset[batch.shared]
    safe = batch.hard.clamp(min=0)
    hard = torch.einsum("bd,bxd->bx", query, vectors[safe]) + offset[safe]
    hard = hard.masked_fill(batch.hard < 0, -torch.inf)
    if config.loss == "max_margin":
        return max_margin_loss(positive, negative, batch.masked, hard, config.margin)
    return softmax_loss(positive, negative, batch.masked, hard)


def _produce(builder: MinibatchBuilder, first: int, total: int) -> Iterator[tuple[int, Minibatch, float]]:
    """Minibatches in order, built by a thread that runs ahead; with the seconds the consumer waited for each."""
    ready: queue.Queue[tuple[int, Minibatch | BaseException]] = queue.Queue(maxsize=PREFETCH)
    stopped = threading.Event()

    def put(entry: tuple[int, Minibatch | BaseException]) -> None:
        while not stopped.is_set():
            try:
                ready.put(entry, timeout=0.5)
            except queue.Full:
                continue
            return

    def produce() -> None:
        try:
            for step in range(first, total):
                if stopped.is_set():
                    return
                put((step, builder.build(step)))
        except BaseException as error:  # noqa: BLE001  # raised again in the consumer
            put((-1, error))

    thread = threading.Thread(target=produce, name="minibatches", daemon=True)
    thread.start()
    try:
        for _ in range(first, total):
            before = time.monotonic()
            step, batch = ready.get()
            if isinstance(batch, BaseException):
                raise batch
            yield step, batch, time.monotonic() - before
    finally:
        stopped.set()
        thread.join()


def _tune(
    model: PinSage, data: TrainingData, tune_pairs: np.ndarray, config: TrainingConfig, state: TrainingState
) -> None:
    if not len(tune_pairs):
        return
    embeddings = embed_all(model, data)
    chosen = tune_pairs[np.random.default_rng(config.seed).permutation(len(tune_pairs))[: config.tune_queries]]
    queries = as_queries(embeddings, model.config.popularity)
    ranks = rank_by_vectors(queries, embeddings, chosen[:, 0], chosen[:, 1])
    defined = ranks[~np.isnan(ranks)]
    if not len(defined):
        return
    at = min(TUNE_K, max(1, data.num_items // 10))
    rate = float((defined <= at).mean())
    earlier = [entry["hit_rate"] for entry in state.history["tune"]]
    state.history["tune"].append({"step": state.step, "hit_rate": rate, "at": at, "num_queries": len(defined)})
    if not earlier or rate > max(earlier):
        for name, value in model.state_dict().items():
            state.tensors[f"best.{name}"] = value.detach().clone()


def _keep(model: PinSage, optimizer: torch.optim.Adam, state: TrainingState) -> None:
    for name, value in model.state_dict().items():
        state.tensors[f"model.{name}"] = value.detach().clone()
    for name, parameter in model.named_parameters():
        moments = optimizer.state[parameter]
        for moment in ("step", "exp_avg", "exp_avg_sq"):
            state.tensors[f"adam.{moment}.{name}"] = moments[moment].detach().clone()


def _restore(model: PinSage, optimizer: torch.optim.Adam, state: TrainingState) -> None:
    model.load_state_dict({name.removeprefix("model."): v for name, v in state.tensors.items() if name[:6] == "model."})
    for name, parameter in model.named_parameters():
        optimizer.state[parameter] = {
            moment: state.tensors[f"adam.{moment}.{name}"].clone() for moment in ("step", "exp_avg", "exp_avg_sq")
        }
