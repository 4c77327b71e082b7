"""The stage `embed_items`: the model's own basis, equal to the minibatch, from any chunk on."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch
from safetensors.torch import save_file

from pinsage.features.assemble import FeatureEncoder
from pinsage.model.config import ModelConfig
from pinsage.model.layerwise import Layerwise, Workspace, top_neighbors
from pinsage.model.pinsage import PinSage
from pinsage.store import Version
from pinsage.training.config import TrainingConfig
from pinsage.training.minibatch import MinibatchBuilder, TrainingData
from tasks.embed import chunks as layer_chunks
from tasks.embed.embed_day import embed_day
from tasks.embed.embed_items import open_model
from tasks.embed.encode_for_model import encode_for_model, placed_in_basis
from tasks.prepare.build_graph import build_graph
from tasks.prepare.featurize_items import featurize_items, items_in_row_order
from tasks.prepare.prepared import Prepared
from tasks.prepare.sample_neighborhoods import open_graph, sample_neighborhoods
from tasks.runtime.session import Session
from tests.faults.fork_server import ForkServer

PROJECT = Path(__file__).parents[2]
DAYS = ["2026-03-01", "2026-03-02"]
SETTINGS: dict[str, Any] = {"features.text_width": 8, "resources.workers": 1, "resources.chunk_rows": 4096}
NUM_ITEMS = 5_000
RUN = """
import sys
from tests.tasks.test_embed_items import SETTINGS, prepare
from tasks.embed import chunks as layer_chunks
from tasks.embed.embed_day import embed_day
from tasks.runtime.session import Session
session = Session.open(sys.argv[1], SETTINGS)
embed_day(session, prepare(session, "2026-03-02"), session.store.version(sys.argv[2]))
"""


def deliver(session: Session, day: str) -> dict[str, Version]:
    """Validated items and saves of a day: the second day brings new items, with new words, and renames some."""
    number = DAYS.index(day)
    rng = np.random.default_rng(number)
    known = NUM_ITEMS + 500 * number
    delivered = np.arange(known) if number == 0 else np.concatenate([np.arange(100), np.arange(NUM_ITEMS, known)])
    words = np.array([f"word{place}" for place in range(40 + 20 * number)])
    items = pa.table(
        {
            "item_id": pa.array(delivered * 3 + 1),
            "title": [f"{' '.join(rng.choice(words, 3))} day{number}" for _ in delivered],
            "text": pa.nulls(len(delivered), pa.string()),
            "image_url": pa.nulls(len(delivered), pa.string()),
            "categorical.color": rng.choice(["red", "green", "blue"], len(delivered)),
            "numeric.price": rng.random(len(delivered)),
        }
    )
    saves = pa.table(
        {
            "board_id": pa.array(rng.integers(0, 2_000, 30_000) + 10_000 * number),
            "item_id": pa.array(rng.integers(0, known, 30_000) * 3 + 1),
            "saved_at": pa.array([datetime.fromisoformat(day).replace(tzinfo=UTC)] * 30_000, pa.timestamp("us", "UTC")),
            "split": pa.nulls(30_000, pa.string()),
        }
    )
    made = {}
    for name, table in (("items", items), ("saves", saves)):
        with session.store.write(f"validated/{name}", partition=day, inputs=[], config={}, code_version=1) as out:
            if not out.is_committed:
                out.write_table(name, table)
        made[name] = out.version
    return made


def prepare(session: Session, day: str) -> Prepared:
    return prepare_catalog(session, day, [deliver(session, known) for known in DAYS if known <= day])


def prepare_catalog(session: Session, day: str, delivered: list[dict[str, Version]]) -> Prepared:
    """Graph, features and neighborhoods of validated items and saves."""
    inputs = [version for each in delivered for version in each.values()]
    with session.store.write("catalog", partition=day, inputs=inputs, config={}, code_version=1) as out:
        if not out.is_committed:
            uris = {name: [each[name].uri for each in delivered] for name in ("items", "saves")}
            out.write_json("partitions", {**uris, "engagements": []})
            out.facts.update(timed=True, id_type="int64")
    graph = build_graph(session, out.version)
    features = featurize_items(session, out.version, graph)
    return Prepared(day, out.version, graph, features, sample_neighborhoods(session, graph))


def untrained(session: Session, prepared: Prepared, *, popularity: bool = True) -> Version:
    """A model version with random weights, for the features of ``prepared``."""
    torch.manual_seed(6)
    config = ModelConfig(hidden_width=16, width=8, top_t=5, popularity=popularity)
    network = PinSage(prepared.features.facts["width"], config)
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    with (
        session.store.write(
            "model", partition=prepared.day, inputs=[prepared.graph, prepared.features], config=config, code_version=1
        ) as out,
        tempfile.TemporaryDirectory() as folder,
    ):
        if not out.is_committed:
            save_file(network.state_dict(), Path(folder) / "weights")
            out.write_file("weights", Path(folder) / "weights", ".safetensors")
            out.write_json("architecture", network.architecture())
    return out.version


def by_minibatch(network: PinSage, features: np.ndarray, prepared: Prepared) -> np.ndarray:
    """Embeddings of every item from one minibatch's forward pass."""
    neighbors, importances = top_neighbors(
        prepared.neighborhoods.array("neighbors"), prepared.neighborhoods.array("importances"), network.config.top_t
    )
    num_items = len(features)
    data = TrainingData(
        features=features,
        neighbors=neighbors,
        importances=importances,
        log_degrees=np.log1p(open_graph(prepared.graph).item_degrees()).astype(np.float32),
        pairs=np.repeat(np.arange(num_items, dtype=np.int32), 2).reshape(-1, 2),
        ages=np.zeros(num_items, np.float32),
        hard_queries=np.zeros(0, np.int32),
        hard_pools=np.zeros((0, 1), np.int32),
    )
    config = TrainingConfig(batch_pairs=20 * num_items, shared_negatives=1)
    batch = MinibatchBuilder(data, config, network.config).build(0)
    with torch.inference_mode():
        vectors, terms = network(batch.features, batch.blocks, batch.log_degrees)
    assert len(vectors) == num_items, "every item was drawn"
    if not network.config.popularity:
        return vectors.numpy()
    return torch.cat([vectors, network.config.temperature * terms[:, None]], dim=1).numpy()


@pytest.mark.parametrize("popularity", [True, False])
def test_embeddings_equal_the_minibatch_forward(tmp_path: Path, popularity: bool) -> None:
    session = Session.open(str(tmp_path), SETTINGS)
    prepared = prepare(session, DAYS[0])
    model = untrained(session, prepared, popularity=popularity)
    made = embed_day(session, prepared, model)
    expected = by_minibatch(open_model(model), np.asarray(prepared.features.array("features")), prepared)
    np.testing.assert_allclose(made.array("embeddings"), expected, atol=1e-5)
    assert made.facts == {
        "num_items": NUM_ITEMS,
        "width": 8 + popularity,
        "metric": "dot" if popularity else "angular",
        "popularity_dim": popularity,
    }
    assert session.store.partitions("model_features") == [], "the day's features are the model's"
    before = list(session.store.objects.walk(""))
    assert embed_day(session, prepared, model).uri == made.uri
    assert list(session.store.objects.walk("")) == before, "a rerun writes nothing"


def test_items_of_a_later_day_are_encoded_in_the_basis_of_the_model(tmp_path: Path) -> None:
    session = Session.open(str(tmp_path), SETTINGS)
    first, second = (prepare(session, day) for day in DAYS)
    assert first.features.json("encoder") != second.features.json("encoder")
    model = untrained(session, first)
    made = embed_day(session, second, model)
    text = {name: first.features.array(name) for name in first.features.names() if name.startswith("text_")}
    encoder = FeatureEncoder.from_state(first.features.json("encoder"), text)
    degrees = open_graph(second.graph).item_degrees()
    placed = placed_in_basis(session, second.graph, first.features)
    features, _ = encoder.encode(items_in_row_order(session, second.catalog, second.graph), degrees, placed)
    np.testing.assert_allclose(made.array("embeddings"), by_minibatch(open_model(model), features, second), atol=1e-5)
    assert "model_features" in {used.uri.split("/")[0] for used in made.inputs}


def test_new_titles_of_an_unchanged_graph_are_encoded_anew(tmp_path: Path) -> None:
    session = Session.open(str(tmp_path), SETTINGS)
    first, second = (prepare(session, day) for day in DAYS)
    model = untrained(session, first)
    assert encode_for_model(session, first, model).uri == first.features.uri
    # The same graph, a catalog with other items.
    anew = encode_for_model(session, replace(first, catalog=second.catalog), model)
    assert anew.dataset == "model_features"
    assert anew.array("features").shape == first.features.array("features").shape
    assert not np.array_equal(anew.array("features"), first.features.array("features"))


def test_chunks_are_no_part_of_a_result(tmp_path: Path) -> None:
    made = []
    for chunk_rows in (4096, 65_536):
        session = Session.open(str(tmp_path / str(chunk_rows)), {**SETTINGS, "resources.chunk_rows": chunk_rows})
        first, second = (prepare(session, day) for day in DAYS)
        made.append(embed_day(session, second, untrained(session, first)))
    assert made[0].uri == made[1].uri
    assert made[0].content_digest == made[1].content_digest


@pytest.mark.slow
@pytest.mark.parametrize(
    "failpoint", ["chunk.after_record:1", "chunk.after_data:6", "commit.after:2", "commit.before:3"]
)
def test_killed_stage_ends_with_the_same_bytes(tmp_path: Path, failpoint: str) -> None:
    calm = Session.open(str(tmp_path / "calm"), SETTINGS)
    first, second = (prepare(calm, day) for day in DAYS)
    expected = embed_day(calm, second, untrained(calm, first))
    session = Session.open(str(tmp_path / "store"), SETTINGS)
    first, second = (prepare(session, day) for day in DAYS)
    model = untrained(session, first)
    killed = subprocess.run(
        [sys.executable, "-c", RUN, str(tmp_path / "store"), model.uri],
        env={**os.environ, "PINSAGE_FAILPOINT": failpoint},
        cwd=PROJECT,
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL
    assert session.store.partitions("embeddings") == []
    assert embed_day(session, second, model).content_digest == expected.content_digest


def embed_counted(root: str, model: str, started: str) -> None:
    """Embed the second day; every chunk that is computed is first written down in ``started``."""
    compute = layer_chunks._compute

    def counted(
        inference: Layerwise, layer: int, below: Version | None, workspace: Workspace, **given: np.ndarray
    ) -> tuple[np.ndarray, ...]:
        with open(started, "a", encoding="utf-8") as file:
            file.write(f"{layer} {len(given['h'])}\n")
        return compute(inference, layer, below, workspace, **given)

    layer_chunks._compute = counted
    session = Session.open(root, SETTINGS)
    embed_day(session, prepare(session, DAYS[1]), session.store.version(model))


@pytest.mark.slow
def test_twenty_kills_cost_a_chunk_each_at_most(tmp_path: Path) -> None:
    calm = Session.open(str(tmp_path / "calm"), SETTINGS)
    first, second = (prepare(calm, day) for day in DAYS)
    model = untrained(calm, first)
    shutil.copytree(tmp_path / "calm", tmp_path / "store")
    started, run = tmp_path / "started", "tests.tasks.test_embed_items:embed_counted"
    places = ["chunk.before_data", "chunk.after_data", "chunk.after_record"] * 6 + ["commit.before", "commit.after"]
    with ForkServer(tmp_path, "tests.tasks.test_embed_items") as forks:
        arguments = (str(tmp_path / "store"), model.uri, str(started))
        for place in places:
            fork = forks.start(run, *arguments, environment={"PINSAGE_FAILPOINT": place})
            assert fork.wait() == -signal.SIGKILL, (place, fork.log)
        forks.run(run, *arguments)
        forks.run(run, str(tmp_path / "calm"), model.uri, str(tmp_path / "started_calm"))
    chunks = Counter((tmp_path / "started_calm").read_text().splitlines())
    computed = Counter(started.read_text().splitlines())
    assert computed.keys() == chunks.keys()
    assert chunks.total() == 6, "two chunks of three layers"
    assert chunks.total() < computed.total() <= chunks.total() + len(places)
    made, expected = (
        embed_day(session, second, model).content_digest
        for session in (Session.open(str(tmp_path / "store"), SETTINGS), calm)
    )
    assert made == expected
