"""Words in many scripts; where spaces are enough, exactly the runs of word characters without accents."""

from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.feature_extraction.text import strip_accents_unicode

from pinsage.features.words import character_pairs, needs_more_than_spaces, words


def by_spaces(text: str) -> list[str]:
    return re.findall(r"(?u)\b\w+\b", strip_accents_unicode(text.lower()))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("苹果手机壳红色", ["苹果", "手机", "壳", "红色"]),
        ("iPhone手机壳15Pro", ["iphone", "手机", "壳", "15pro"]),
        ("京都の寺院ガイドブック", ["京都", "の", "寺院", "ガイドブック"]),
        ("ﾜｲﾔﾚｽ ｶﾞｲﾄﾞ", ["ワイヤレス", "ガイド"]),
        ("カ\u3099イド", ["ガイド"]),
        ("\U00020bb7野家", ["\U00020bb7", "野家"]),
        ("รองเท้าวิ่งสีแดง", ["รองเท้า", "วิ่ง", "สี", "แดง"]),
        ("น้ำหอมผู้ชาย", ["น้ำหอม", "ผู้ชาย"]),
        ("ພາສາລາວ", ["ພາສາ", "ລາວ"]),
        ("សៀវភៅភាសាខ្មែរ", ["សៀវភៅ", "ភាសាខ្មែរ"]),
        ("မြန်မာဘာသာစကား", ["မြန်မာဘာသာ", "စကား"]),
        ("हिन्दी किताबें", ["हिन्दी", "किताबें"]),
        ("தமிழ் மொழி", ["தமிழ்", "மொழி"]),
        ("كِتَاب عِبْرِيّ", ["كتاب", "عبري"]),
        ("עִבְרִית", ["עברית"]),
        ("ｆｕｌｌ ＷＩＤＴＨ", ["full", "width"]),
        ("Café crème Ångström", ["cafe", "creme", "angstrom"]),
        ("run \U0001f45f❤\ufe0f fast", ["run", "fast"]),
        ("", []),
    ],
)
def test_words_of_every_script(text: str, expected: list[str]) -> None:
    assert [unicodedata.normalize("NFC", word) for word in words(text)] == expected


def test_korean_is_cut_at_its_spaces() -> None:
    assert words("휴대폰 케이스") == by_spaces("휴대폰 케이스")
    assert len(words("휴대폰 케이스")) == 2


def test_pairs_are_of_chinese_and_japanese_alone() -> None:
    assert character_pairs("小米手机 case ケース") == ["小米", "米手", "手机", "ケー", "ース"]
    assert character_pairs("รองเท้า case 휴대폰") == []


@given(st.text(st.characters(codec="utf-8")))
def test_what_needs_no_more_than_spaces_has_the_words_that_it_always_had(text: str) -> None:
    assert needs_more_than_spaces(text) or words(text) == by_spaces(text)


@given(st.text(st.characters(max_codepoint=0x06FF)))
def test_latin_greek_cyrillic_hebrew_and_arabic_need_no_more_than_spaces(text: str) -> None:
    assert not needs_more_than_spaces(text)
    assert words(text) == by_spaces(text)


def test_every_character_gives_words_of_word_characters_alone() -> None:
    for code in range(0x20000):
        if not 0xD800 <= code < 0xE000:
            assert needs_more_than_spaces(chr(code)) or words(f"a{chr(code)}b") == by_spaces(f"a{chr(code)}b")
