"""The benchmark of the service, thriftily: what it counts must be nothing failed and nothing mixed."""

from __future__ import annotations

import pytest

from benchmarks.serve import measure


@pytest.mark.slow
def test_no_answer_fails_or_mixes_versions_while_they_change() -> None:
    measured = measure(num_answers=4_000, num_swaps=8, num_rollbacks=2, num_items=300, num_versions=3, num_clients=3)
    assert measured["answers"] == 4_000
    assert measured["failed"] == 0
    assert measured["mixed"] == 0
    assert measured["versions_answering"] == 3
