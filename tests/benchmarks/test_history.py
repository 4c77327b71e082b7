"""A plan reads each delivered day once, however many there are: what it reads grows as the days do, and no faster."""

from __future__ import annotations

from pathlib import Path

from benchmarks.history import count_reads, plant_days
from tasks.data.deliveries import TABLES

# Of every table: its reference and where that is listed, the raw partition, the validated one; and one link of items.
READS_A_DAY = 4 * len(TABLES) + 1


def test_what_a_plan_reads_grows_as_the_days_do(memory_folder: Path) -> None:
    reads = {}
    for num_days in (20, 40):
        plant_days(str(memory_folder / str(num_days)), num_days)
        reads[num_days] = count_reads(str(memory_folder / str(num_days)))
    assert reads[40] - reads[20] == 20 * READS_A_DAY
