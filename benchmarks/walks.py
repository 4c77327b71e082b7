"""Importance neighborhoods: the walk kernel, DGL's PinSAGESampler on the same graph, and the cost of memory itself.

    python -m benchmarks.walks --items 1000000 --boards 200000 --saves 20000000 --walks 100 --top-t 50 --json

A step is a hop over one edge; a walk of up to two traversals with restart 0.5 has three steps on average. Kernel and
peer (`make bench-peers`; without it the peer is left out) run one after the other in processes of their own, over the
same arrays in files, several times in turn; of each the best round counts. Where other work shares the cores, only the
measures of CPU time mean something.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.power_law import PowerLawSaves

PROJECT = Path(__file__).parents[1]
PEER_PYTHON = PROJECT / ".bench-peers/bin/python"
ARRAYS = ("item_offsets", "item_boards", "board_offsets", "board_items")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, default=1_000_000)
    parser.add_argument("--boards", type=int, default=200_000)
    parser.add_argument("--saves", type=int, default=20_000_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--walks", type=int, default=100)
    parser.add_argument("--top-t", type=int, default=50)
    parser.add_argument("--enough-items", type=int, default=0, help="end walks early, see walks.enough_items")
    parser.add_argument("--enough-visits", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--peer-items", type=int, default=20_000, help="items that the peer walks from; 0 = no peer")
    parser.add_argument("--graph", type=Path, help="folder that keeps the graph's arrays; default: a temporary one")
    parser.add_argument("--json", action="store_true", help="one line of JSON")
    arguments = parser.parse_args()
    folder = arguments.graph or Path(tempfile.mkdtemp(prefix="pinsage-walks-"))
    try:
        result = run(folder, arguments)
    finally:
        if arguments.graph is None:
            shutil.rmtree(folder)
    print(json.dumps(result) if arguments.json else "\n".join(f"{name}: {value}" for name, value in result.items()))


def run(folder: Path, arguments: argparse.Namespace) -> dict[str, Any]:
    """Make the graph, measure kernel and peer in turn, and keep the best round of each."""
    save_graph(folder, arguments)
    with_peer = arguments.peer_items > 0 and PEER_PYTHON.exists()
    kernel, peer = [], []
    for number in range(arguments.rounds):
        options = ["--threads", str(arguments.threads), "--walks", str(arguments.walks)]
        options += ["--top-t", str(arguments.top_t), "--seed", str(arguments.seed)]
        early = ["--enough-items", str(arguments.enough_items), "--enough-visits", str(arguments.enough_visits)]
        hashed = ["--hash"] if number == 0 else []
        kernel.append(
            measured([sys.executable, "-m", "benchmarks.walks_kernel", str(folder), *options, *early, *hashed])
        )
        if with_peer:
            options += ["--items", str(arguments.peer_items)]
            peer.append(measured([str(PEER_PYTHON), "benchmarks/walks_peer.py", str(folder), *options]))
    names = ("items", "boards", "saves", "seed", "threads", "walks", "top_t")
    result = {name: getattr(arguments, name) for name in names} | best(kernel)
    if with_peer:
        ours, theirs = result, best(peer)
        for clock in ("wall", "cpu"):
            for threads in ("", "_one_thread"):
                name = f"items_per_{clock}_second{threads}"
                result[f"dgl_{name}"] = theirs[name]
                result[f"times_dgl_{clock}{threads}"] = round(ours[name] / theirs[name], 1)
        result["dgl_peak_bytes"] = theirs["peak_bytes"]
    return result


def save_graph(folder: Path, arguments: argparse.Namespace) -> None:
    """Write the arrays of the graph, unless the folder has them."""
    if all((folder / f"{name}.npy").exists() for name in ARRAYS):
        return
    folder.mkdir(parents=True, exist_ok=True)
    graph = PowerLawSaves(arguments.items, arguments.boards, arguments.saves, arguments.seed).graph()
    for name in ARRAYS:
        array = getattr(graph, name)
        # As the stage stores them: 4 bytes wherever they suffice.
        np.save(folder / f"{name}.npy", array.astype(np.int32) if graph.num_edges < 2**31 else array)


def measured(command: list[str]) -> dict[str, Any]:
    """Run a command that prints one JSON line last."""
    done = subprocess.run(command, cwd=PROJECT, check=True, stdout=subprocess.PIPE, text=True)
    made: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return made


def best(rounds: list[dict[str, Any]]) -> dict[str, Any]:
    """Of every measure the best round: the highest rate, the lowest cost; hashes and counts are those of the first."""
    result = dict(rounds[0])
    for name in result:
        values = [made[name] for made in rounds if name in made]
        if name.startswith("items_per"):
            result[name] = max(values)
        elif "_ns" in name or name.startswith("ns_"):
            result[name] = min(values)
        elif name == "peak_bytes":
            result[name] = max(values)
    return result


if __name__ == "__main__":
    main()
