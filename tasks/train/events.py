"""The curves of a training as an event file for TensorBoard, beside the versions: it holds times and is no result.

``tensorboard --logdir <root>/_site/training`` shows every training of a local store. The library is optional (extra
``tensorboard``); the same curves are in the model's history and measurements without it.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import structlog

from pinsage.store import Store, Version

log = structlog.get_logger()


def write_training_events(store: Store, model: Version) -> str | None:
    """Put the event file of a model at ``_site/training/<day>/<fingerprint>/``.

    Returns:
        Its path; None where TensorBoard is not installed.
    """
    if find_spec("tensorboard") is None:
        log.info("training_events", skipped="tensorboard is not installed")
        return None
    from torch.utils.tensorboard import SummaryWriter

    page = f"training/{model.partition}/{model.fingerprint}/events.out.tfevents.0.pinsage"
    if store.page(page) is None:
        with tempfile.TemporaryDirectory() as folder:
            with SummaryWriter(folder) as writer:
                for tag, value, step in curves(model):
                    writer.add_scalar(tag, value, step)
            (written,) = Path(folder).iterdir()
            store.put_page(page, written.read_bytes())
    return f"{store.root}/_site/{page}"


def curves(model: Version) -> Iterator[tuple[str, float, int]]:
    """Tag, value and step of every point: of the history, and of the measurements of the run that ended it."""
    history = model.json("history")
    for line in history["steps"]:
        for name in ("loss", "learning_rate", "hard_negatives"):
            yield f"train/{name}", line[name], line["step"]
    for line in history["tune"]:
        yield f"tune/hit_rate@{line['at']}", line["hit_rate"], line["step"]
    for epoch in model.measurements.get("epochs", []):
        for name in ("examples_per_second", "idle_share", "idle_share_without_overlap"):
            yield f"throughput/{name}", epoch[name], epoch["step"]
