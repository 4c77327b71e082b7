"""The random stream of the walks: counter-based, a function of (seed, item row, walk, draw) alone.

Threads, chunks, workers and retries can therefore not change a result, and a longer walk begins like a shorter one. A
draw costs one multiplication: the fold of wyrand (Wang Yi, 2019) over a counter that moves by odd constants.
"""

from __future__ import annotations

import numpy as np

from pinsage.walks.intrinsics import borrowing, fold

GOLDEN = np.uint64(0x9E3779B97F4A7C15)
MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
MIX_2 = np.uint64(0x94D049BB133111EB)
WALK_STEP = np.uint64(0x8EBC6AF09C88C6E3)
DRAW_STEP = np.uint64(0xA0761D6478BD642F)
FOLD_MASK = np.uint64(0xE7037ED1A0B428DB)
HALF_WORD = np.uint64(32)
LOW_HALF = np.uint64(0xFFFFFFFF)


@borrowing
def mix(word: np.uint64) -> np.uint64:
    """The finaliser of splitmix64 (Steele et al. 2014)."""
    word = word + GOLDEN
    word = (word ^ (word >> np.uint64(30))) * MIX_1
    word = (word ^ (word >> np.uint64(27))) * MIX_2
    return word ^ (word >> np.uint64(31))


@borrowing
def row_key(seed: np.uint64, row: np.uint64) -> np.uint64:
    """Key of all walks of one item row."""
    return mix(mix(seed) ^ row)


@borrowing
def walk_key(key: np.uint64, walk: np.uint64) -> np.uint64:
    """Key of one walk of the item row that has ``key``."""
    return key + walk * WALK_STEP


@borrowing
def draw(key: np.uint64, number: np.uint64) -> np.uint64:
    """64 random bits: draw ``number`` of the walk that has ``key``."""
    counter = key + number * DRAW_STEP
    return fold(counter, counter ^ FOLD_MASK)


@borrowing
def below(word: np.uint64, limit: np.uint64) -> np.uint64:
    """A number from 0 to ``limit`` (exclusive, at most 2**32) from the high half of a draw, without a division."""
    return (word >> HALF_WORD) * limit >> HALF_WORD
