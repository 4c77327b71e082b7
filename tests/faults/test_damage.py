"""Files of every kind truncated, zeroed or with one bit flipped: refused by name; dropped and run again, all is well.

``PINSAGE_KILLS`` sets how many files of each kind are damaged in each way (1), ``PINSAGE_SEED`` which ones.
"""

from __future__ import annotations

import os
import random
import re
from collections import defaultdict
from pathlib import Path

import pytest

from pinsage.store import DamagedVersionError, Store
from pinsage.store.garbage import drop_version
from tests.faults.fork_server import ForkServer
from tests.faults.stages import THIS, CalmDay, copy, state

EACH = int(os.environ.get("PINSAGE_KILLS", "1").replace("all", "20"))
SEED = os.environ.get("PINSAGE_SEED", "0")
# Read only until the version that they are made for is there.
INTERMEDIATE = ("checkpoints/", "embedding_layers/", "index_shards/")

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


def kinds(root: Path) -> dict[str, list[str]]:
    """Keys that a finished day reads when it is run again, by kind."""
    found = defaultdict(list)
    for info in Store.open(root).objects.walk(""):
        if info.key.startswith(("_site/", "_cache/", *INTERMEDIATE)) or "/_chunks/" in info.key or not info.size:
            continue
        folder = next((name for name in ("_refs", "_commits") if name in info.key), "data")
        found[f"{folder}{Path(info.key).suffix}"].append(info.key)
    return found


@pytest.mark.parametrize("damage", ["truncated", "zeroed", "flipped"])
def test_damaged_files_are_refused_by_name_and_healed(
    calm: CalmDay, forks: ForkServer, memory_folder: Path, damage: str
) -> None:
    dice = random.Random(f"{SEED} {damage}")
    by_kind = kinds(calm.root)
    assert {"data.parquet", "data.npy", "data.json", "data.safetensors", "data.ann", "data.html", "_commits.json",
            "_refs.json"} <= set(by_kind)  # fmt: skip
    for kind, keys in sorted(by_kind.items()):
        for key in dice.sample(sorted(keys), min(EACH, len(keys))):
            root = copy(calm.root, memory_folder / f"{kind}-{dice.random()}")
            spoil(root / key, damage, dice)
            fork = forks.start(f"{THIS}:run_day", str(root), calm.data)
            message = fork.log if fork.wait() else refusal(root)  # some files are read only by those who look
            assert Path(key).stem in message, (key, message)
            named = re.search(r"pinsage drop (\S+) --root", message)
            assert named is not None, (key, message)
            drop_version(Store.open(root), named.group(1))
            forks.run(f"{THIS}:run_day", str(root), calm.data)
            healed = state(str(root))
            assert not healed.differences(calm.finished), key


def refusal(root: Path) -> str:
    """What a reader of everything is told."""
    with pytest.raises(DamagedVersionError) as caught:
        state(str(root))
    return str(caught.value)


def spoil(path: Path, damage: str, dice: random.Random) -> None:
    """Damage a file; its other hard links stay whole."""
    data = bytearray(path.read_bytes())
    if damage == "truncated":
        del data[dice.randrange(len(data)) :]
    elif damage == "zeroed":
        data[:] = bytes(len(data))
    else:
        place = dice.randrange(len(data))
        data[place] ^= 1 << dice.randrange(8)
    path.unlink()
    path.write_bytes(data)
