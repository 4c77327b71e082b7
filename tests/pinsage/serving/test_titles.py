"""Search by words of titles: what is found in scripts with and without spaces, in which order, and at what cost."""

from __future__ import annotations

import time

import numpy as np
import pytest

from pinsage.serving.answers import RefusedRequestError
from pinsage.serving.titles import MAX_WORDS, TitleIndex

TITLES = [
    "苹果手机壳红色",
    "小米手机壳蓝色",
    "耐克运动鞋红色",
    "iPhone手机壳",
    "東京都庁",
    "京都の寺院ガイドブック",
    "รองเท้าวิ่งสีแดง",
    "เสื้อยืดสีขาว",
    "हिन्दी किताबें",
    "휴대폰 케이스",
    "Café crème",
]


def rows(titles: TitleIndex, text: str) -> list[int]:
    return [row for row, _ in titles.find(text, 100)]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("手机壳", [0, 1, 3]),
        ("手机壳 红色", [0]),
        ("红色手机壳", [0]),
        ("机壳", [3, 0, 1]),
        ("壳", [0, 1, 3]),
        ("冰箱", []),
        ("鞋", [2]),
        ("iphone 手机", [3]),
        ("IPHONE", [3]),
        ("京都", [5, 4]),
        ("ｶﾞｲﾄﾞ", [5]),
        ("ガイド", [5]),
        ("カイト", []),
        ("รองเท้า", [6]),
        ("แดง", [6]),
        ("สี", [6, 7]),
        ("हिन्", [8]),
        ("휴대", [9]),
        ("케이스", [9]),
        ("cafe", [10]),
        ("\ud800", []),
    ],
)
def test_a_word_of_any_script_finds_its_titles(text: str, found: list[int]) -> None:
    assert rows(TitleIndex(TITLES, -np.arange(float(len(TITLES)))), text) == found


@pytest.mark.parametrize("title", TITLES)
def test_every_part_of_a_stretch_without_spaces_finds_its_title(title: str) -> None:
    titles = TitleIndex(TITLES, np.zeros(len(TITLES)))
    for start in range(len(title)):
        for stop in range(start + 1, len(title) + 1):
            part = title[start:stop]
            if "\u3040" < part[0] < "\ua000" and part.isalpha():
                assert TITLES.index(title) in rows(titles, part)


def test_scores_descend() -> None:
    rng = np.random.default_rng(4)
    some = ["milk", "milky", "rice", "mild", "red", "reduced", "手机", "手机壳", "壳"]
    titles = TitleIndex([" ".join(rng.choice(some, rng.integers(1, 6))) for _ in range(300)], rng.normal(size=300))
    for text in (*some, "mil", "re", "mil re", "r", "手"):
        scores = [score for _, score in titles.find(text, 50)]
        assert scores == sorted(scores, reverse=True), text
        assert all(0 < score <= 1 for score in scores)


def test_a_repeated_word_is_asked_once_and_words_are_bounded() -> None:
    titles = TitleIndex(["milk and rice"] * 50_000, np.zeros(50_000))
    started = time.perf_counter()
    assert titles.find("milk " * 100_000, 3) == titles.find("milk", 3)
    assert time.perf_counter() - started < 2, "one word, however often it stands there"
    many = " ".join(f"word{number}" for number in range(MAX_WORDS + 1))
    with pytest.raises(RefusedRequestError, match=f"got {MAX_WORDS + 1} different words, expected at most {MAX_WORDS}"):
        titles.find(many, 3)
    assert titles.find(many.rpartition(" ")[0], 3) == []
