"""Pairs of saves that do not fit into memory together."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tasks.build_graph import build_graph
from tasks.build_pairs import item_vocabulary, pairs_of
from tasks.session import Session
from tests.tasks.delivered import deliver_saves
from tests.tasks.test_build_graph import DAYS, catalog_of, random_days


@pytest.mark.parametrize("kind", ["int64", "string"])
def test_pairs_do_not_depend_on_the_rows_held_at_once(memory_folder: Path, kind: str) -> None:
    made = []
    for rows in (97, 1_000_000):
        session = Session.open(str(memory_folder), {"resources.saves_per_chunk": rows, "resources.workers": 1})
        planted = random_days()
        vocabulary = item_vocabulary(build_graph(session, catalog_of(session, planted, kind=kind)))
        saves = [deliver_saves(session, day, each, kind) for day, each in zip(DAYS, planted[1], strict=True)]
        made.append(pairs_of(session, saves, [], None, vocabulary, chains=2))
    assert len(made[0][0]) > 1_000
    for few, all_at_once in zip(*made, strict=True):
        np.testing.assert_array_equal(few, all_at_once)
