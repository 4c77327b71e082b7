"""Inference of a whole catalogue by the stage `embed_items`, against the roofline of the machine in the same run.

Random features and neighborhoods are committed to a store; a fresh process embeds them. The roofline is the time that
the matrix products take at the measured peak of one thread, plus the bytes of the gathers at its measured bandwidth
from random rows, plus all else that must be read or written once at its measured bandwidth of copying: none can overlap
another on one core. Hashing and the system's work on files are not in it. Memory for the files is at hand before the
run (see `benchmarks.warm_pages`) unless `--cold` is given. Where `make bench-peers` was run, DGL embeds a sample of as
many items of a power-law graph at the same widths, neighborhoods sampled anew for every batch as in its example.

    python -m benchmarks.embed --items 1000000 --features 256 --hidden 256 --width 128 --top-t 20 --threads 1
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import structlog
import torch
from safetensors.torch import save_file

from benchmarks.power_law import PowerLawSaves
from benchmarks.warm_pages import WarmPages, bytes_below
from pinsage.model.config import ModelConfig
from pinsage.model.pinsage import PinSage
from pinsage.store import Version
from tasks.embed.embed_day import embed_day
from tasks.embed.embed_items import open_inference
from tasks.prepare.prepared import Prepared
from tasks.runtime.session import Session
from tasks.runtime.stages import EMBED_ITEMS, EMBED_LAYER

PROJECT = Path(__file__).parents[1]
PEERS = PROJECT / ".bench-peers" / "bin" / "python"
DAY = "2026-03-01"
NUM_LAYERS = 2


def main() -> None:
    """Print one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name, default in (
        ("items", 1_000_000), ("features", 256), ("hidden", 256), ("width", 128), ("top-t", 20), ("threads", 1),
        ("chunk-rows", 65_536), ("seed", 0),
    ):  # fmt: skip
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--peer-items", type=int, default=20_000, help="Items that DGL embeds; 0 = no peer.")
    parser.add_argument("--peer-walks", type=int, default=10, help="Walks from each of its items.")
    parser.add_argument("--peer-batch", type=int, default=512, help="Items of one of its batches.")
    parser.add_argument("--intermediate", default="float32", choices=["float32", "bfloat16"])
    parser.add_argument("--scratch", default=None, help="Folder for the store; needs about 5 KB an item.")
    parser.add_argument("--cold", action="store_true", help="Fetch memory for files from the host during the run.")
    parser.add_argument("--json", action="store_true", help="Accepted for symmetry; the output is JSON always.")
    options = parser.parse_args()
    root = tempfile.mkdtemp(prefix="pinsage-embed-", dir=options.scratch)
    try:
        warm_bytes = 0 if options.cold else options.items * work(options).written
        for step, num_bytes in ((plant, 0), (measure_stage, warm_bytes)):
            measured = run(step, root, options, num_bytes)
        if options.peer_items and PEERS.exists():
            peer = measure_peer(Path(root) / "peer", options)
            measured["dgl_items_per_cpu_second"] = peer
            measured["times_dgl"] = round(measured["items_per_cpu_second"] / peer, 2)
    finally:
        shutil.rmtree(root)
    print(json.dumps({"benchmark": "embed", **vars(options), **measured}))


def run(step: Any, root: str, options: argparse.Namespace, warm_bytes: int) -> dict[str, Any]:
    """What a step measures in a process of its own, to whose files `warm_bytes` of warm pages are given."""
    spawn = multiprocessing.get_context("spawn")
    receiver, sender = spawn.Pipe(duplex=False)
    layers = [Path(root) / dataset for dataset in (EMBED_LAYER.dataset, EMBED_ITEMS.dataset)]
    with WarmPages(Path(root) / "warm", warm_bytes) as pages:
        process = spawn.Process(target=_run, args=(step, root, options, sender))
        process.start()
        sender.close()
        while not receiver.poll(0.03):
            pages.give(bytes_below(layers))
        measured: dict[str, Any] = receiver.recv()
        process.join()
    return measured


def _run(step: Any, root: str, options: argparse.Namespace, sender: Any) -> None:
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))  # standard output is for the result
    sender.send(step(root, options))


def plant(root: str, options: argparse.Namespace) -> dict[str, Any]:
    """Commit random features, neighborhoods and a model."""
    session = open_session(root, options)
    rng = np.random.default_rng(options.seed)
    num_items, chunk_rows = options.items, options.chunk_rows

    def commit(dataset: str, inputs: list[Version], arrays: dict[str, Any], **facts: Any) -> Version:
        with session.store.write(dataset, partition=DAY, inputs=inputs, config={}, code_version=0) as out:
            for start in range(0, num_items, chunk_rows):
                rows = range(start, min(start + chunk_rows, num_items))
                for name, make in arrays.items():
                    out.write_array(name, make(len(rows)), rows=rows)
            out.facts.update(facts)
        return out.version

    catalog = commit("catalog", [], {})
    with session.store.write("graph", partition=DAY, inputs=[catalog], config={}, code_version=0) as out:
        out.write_array("item_offsets", np.arange(num_items + 1, dtype=np.int64) * 20)
        out.facts.update(num_items=num_items)
    graph = out.version
    top_t = options.top_t
    features = commit(
        "features",
        [catalog, graph],
        {"features": lambda rows: rng.standard_normal((rows, options.features), dtype=np.float32)},
        width=options.features,
    )
    commit(
        "neighborhoods",
        [graph],
        {
            "neighbors": lambda rows: rng.integers(0, num_items, (rows, top_t), dtype=np.int32),
            "importances": lambda rows: np.full((rows, top_t), 1 / top_t, np.float32),
        },
    )
    torch.manual_seed(options.seed)
    config = ModelConfig(
        num_layers=NUM_LAYERS, hidden_width=options.hidden, width=options.width, top_t=top_t, popularity=False
    )
    network = PinSage(options.features, config)
    with (
        session.store.write("model", partition=DAY, inputs=[features], config=config, code_version=0) as out,
        tempfile.TemporaryDirectory() as folder,
    ):
        save_file(network.state_dict(), Path(folder) / "weights")
        out.write_file("weights", Path(folder) / "weights", ".safetensors")
        out.write_json("architecture", network.architecture())
    return {}


def measure_stage(root: str, options: argparse.Namespace) -> dict[str, Any]:
    """Embed the planted items; then measure the machine."""
    session = open_session(root, options)
    names = ("catalog", "graph", "features", "neighborhoods", "model")
    versions = {name: session.store.versions(name, DAY)[0] for name in names}
    model = versions.pop("model")
    for version in versions.values():
        version.verify()
    open_inference(session, model).rows_are_independent()  # compiles
    wall, cpu = time.perf_counter(), time.process_time()
    made = embed_day(session, Prepared(DAY, **versions), model)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    peak_bytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    amount = work(options)
    peak_flops, gathering = matrix_peak(options.hidden), gather_bandwidth(options.hidden, options.top_t)
    copying = copy_bandwidth()
    multiplied = options.items * amount.flops / peak_flops
    moved = options.items * (amount.gathered / gathering + (amount.read + amount.written) / copying)
    return {
        "items_per_wall_second": round(options.items / wall),
        "items_per_cpu_second": round(options.items / cpu),
        "wall_seconds": round(wall, 3),
        "cpu_seconds": round(cpu, 3),
        "compute_share": round(made.measurements["compute_seconds"] / wall, 3),
        "peak_bytes": peak_bytes,
        "matrix_gflops": round(peak_flops / 1e9, 1),
        "gather_gigabytes_per_second": round(gathering / 1e9, 2),
        "copy_gigabytes_per_second": round(copying / 1e9, 2),
        "roofline_cpu_seconds": round(multiplied + moved, 3),
        "share_of_roofline": round((multiplied + moved) / cpu, 3),
        "share_of_matrix_peak": round(multiplied / cpu, 3),
        "embeddings_sha256": made.content_digest,
    }


def measure_peer(folder: Path, options: argparse.Namespace) -> float:
    """Items a CPU second of `benchmarks.embed_peer`, on a graph of 20 saves an item and a board to 5 items."""
    folder.mkdir()
    graph = PowerLawSaves(options.items, max(1, options.items // 5), 20 * options.items, options.seed).graph()
    for name in ("item_offsets", "item_boards", "board_offsets", "board_items"):
        np.save(folder / f"{name}.npy", getattr(graph, name))
    del graph
    command = [str(PEERS), "benchmarks/embed_peer.py", str(folder), "--items", str(options.peer_items)]
    for name in ("features", "hidden", "width", "top_t", "seed"):
        command += [f"--{name.replace('_', '-')}", str(getattr(options, name))]
    command += ["--walks", str(options.peer_walks), "--batch", str(options.peer_batch)]
    done = subprocess.run(command, cwd=PROJECT, check=True, stdout=subprocess.PIPE, text=True)
    return float(json.loads(done.stdout.splitlines()[-1])["items_per_cpu_second"])


def open_session(root: str, options: argparse.Namespace) -> Session:
    """The store with the resources that are asked for."""
    return Session.open(
        root,
        {
            "resources.threads": options.threads,
            "resources.chunk_rows": options.chunk_rows,
            "resources.device": "cpu",
            "embedding.intermediate": options.intermediate,
        },
    )


class Work(NamedTuple):
    """What one item costs at least.

    Attributes:
        flops: Floating point operations of the matrix products.
        gathered: Bytes of the neighbors' projections.
        read: Bytes of all else: its own vectors and its neighborhood.
        written: Bytes of projections, outputs and the embedding.
    """

    flops: int
    gathered: int
    read: int
    written: int


def work(options: argparse.Namespace) -> Work:
    """The least work for one item."""
    below, hidden, width, top_t = options.features, options.hidden, options.width, options.top_t
    stored = 2 if options.intermediate == "bfloat16" else 4
    multiplied, own = 0, 4 * options.features  # projected
    for layer in range(NUM_LAYERS):
        multiplied += below * hidden + (below + hidden) * hidden
        own += stored * below if layer else 4 * below
        below = hidden
    multiplied += (hidden + options.features) * hidden + hidden * width  # the head also reads the features
    own += 4 * options.features
    written = (2 * NUM_LAYERS - 1) * hidden * stored + 4 * width  # projections, outputs, embeddings
    neighborhoods = NUM_LAYERS * top_t * 8
    return Work(2 * multiplied, NUM_LAYERS * top_t * hidden * stored, own + neighborhoods, written)


def matrix_peak(width: int) -> float:
    """Floating point operations a CPU second of one thread, in the products that the model consists of."""
    torch.set_num_threads(1)
    left, right = torch.randn(4096, 2 * width), torch.randn(2 * width, width)
    return max(_rate(lambda: torch.mm(left, right), 2 * left.numel() * width) for _ in range(5))


def gather_bandwidth(width: int, top_t: int) -> float:
    """Bytes a CPU second that one thread pools from random rows of a table larger than any cache, by torch."""
    torch.set_num_threads(1)
    table = torch.randn(1_000_000_000 // (4 * width), width)
    rows = torch.randint(len(table), (32_768, top_t))
    weights = torch.rand(rows.shape)
    gathered = rows.numel() * width * 4
    return max(
        _rate(lambda: torch.nn.functional.embedding_bag(rows, table, per_sample_weights=weights, mode="sum"), gathered)
        for _ in range(3)
    )


def copy_bandwidth() -> float:
    """Bytes a CPU second, read and written together, of one thread that copies more than any cache holds."""
    source = np.ones(1 << 26, np.float32)
    target = np.ones_like(source)
    return max(_rate(lambda: np.copyto(target, source), 2 * source.nbytes) for _ in range(3))


def _rate(work: Any, amount: int) -> float:
    work()
    started, times = time.process_time(), 0
    while time.process_time() - started < 0.3:
        work()
        times += 1
    return times * amount / (time.process_time() - started)


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main()
