"""Words of a text in any script: what features, search and new items mean by a word.

Most scripts put spaces between words. Chinese, Japanese, Thai, Lao, Khmer and Burmese don't: their text is cut by the
dictionaries of ICU (Unicode Standard Annex 29), which come with the wheel of `icu4py`. Letters lose their accents where
these only color them (Latin, Greek, Cyrillic, Arabic, Hebrew). Marks that make another word stay: vowel signs of Indic
scripts, Thai tones, Japanese voicing. Korean is compared by the letters within its syllables.
"""

from __future__ import annotations

import re
import unicodedata

from icu4py.breakers import WordBreaker

_HAN_AND_KANA = (
    "\u2e80-\u2fdf\u3005-\u3007\u3021-\u3029\u3031-\u3035\u3038-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff"
    "\uf900-\ufaff\U0001b000-\U0001b16f\U00020000-\U0003ffff"
)
_THAI_LAO_MYANMAR_KHMER = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u19e0-\u19ff\ua9e0-\ua9ff\uaa60-\uaa7f"
# Inclusive ranges of scripts whose marks belong to the word: South and Southeast Asia, Tibetan, kana.
_MARKED_SCRIPTS = (
    *((0x0900, 0x109F), (0x1700, 0x17FF), (0x1900, 0x1AAF), (0x1B00, 0x1C7F), (0x3099, 0x309A), (0xA800, 0xAAFF)),
    *((0xABE0, 0xABFF), (0x11000, 0x11FFF)),
)
# Marks of no script of their own: accents, and what chooses the look of an emoji. Inclusive ranges.
_SHARED_MARKS = (
    *((0x0300, 0x036F), (0x180B, 0x180F), (0x1AB0, 0x1AFF), (0x1CD0, 0x1CFF), (0x1DC0, 0x1DFF), (0x20D0, 0x20FF)),
    *((0xFE00, 0xFE0F), (0xFE20, 0xFE2F)),
)
_MARKS_END = 0x20000  # beyond it lie only letters, and marks that choose the look of one


def _is_part_of_a_word(mark: str) -> bool:
    code = ord(mark)
    if any(first <= code <= last for first, last in _SHARED_MARKS):
        return False
    return not unicodedata.combining(mark) or any(first <= code <= last for first, last in _MARKED_SCRIPTS)


def _ranges(characters: list[str]) -> str:
    """Inside of a character class; `re` is slow on thousands of single characters."""
    codes = dict.fromkeys(map(ord, characters))
    starts = [code for code in codes if code - 1 not in codes]
    ends = [code for code in codes if code + 1 not in codes]
    return "".join(f"{chr(start)}-{chr(end)}" for start, end in zip(starts, ends, strict=True))


_MARKS = [mark for mark in map(chr, range(_MARKS_END)) if unicodedata.category(mark) in ("Mn", "Mc")]
_PART = _ranges([mark for mark in _MARKS if _is_part_of_a_word(mark)])
_NO_ACCENTS = dict.fromkeys(
    ord(mark) for mark in _MARKS if unicodedata.combining(mark) and not _is_part_of_a_word(mark)
)
_JOINER = re.compile("(?<=[\u0900-\u0dff])[\u200c\u200d]")  # within Indic words they choose the look of a letter
_PLAIN_RUN = re.compile(r"\w+")
_RUN = re.compile(rf"\w[\w{_PART}]*")
_STRETCH = re.compile(f"([{_HAN_AND_KANA}{_THAI_LAO_MYANMAR_KHMER}]+)")
_HAN_OR_KANA = re.compile(f"[{_HAN_AND_KANA}]{{2,}}")
_SPECIAL = re.compile(f"[{_HAN_AND_KANA}{_THAI_LAO_MYANMAR_KHMER}{_PART}]")
_MAYBE_SPECIAL = re.compile("[\u0700-\U0010ffff]")  # no mark and no script of those above comes before


def words(text: str) -> list[str]:
    """The words of ``text`` in order, lower-case and without accents; single characters and digits count."""
    found: list[str] = []
    for stretch, is_unspaced in _stretches(text):
        found += WordBreaker(stretch, "und") if is_unspaced else [stretch]
    return found


def unspaced(text: str) -> list[str]:
    """The stretches of ``text`` in scripts without spaces, in order; `words` cuts them."""
    return [stretch for stretch, is_unspaced in _stretches(text) if is_unspaced]


def character_pairs(text: str) -> list[str]:
    """Every two neighboring characters of Chinese and Japanese stretches: found alike wherever words are cut."""
    return [
        characters[place : place + 2]
        for stretch in unspaced(text)
        for characters in _HAN_OR_KANA.findall(stretch)
        for place in range(len(characters) - 1)
    ]


def needs_more_than_spaces(text: str) -> bool:
    r"""Whether the words of ``text`` are not simply its runs of ``\w`` without accents."""
    return _is_special(_plain(text))


def _plain(text: str) -> str:
    if text.isascii():
        return text.lower()
    return _JOINER.sub("", unicodedata.normalize("NFKD", text.lower()).translate(_NO_ACCENTS))


def _is_special(plain: str) -> bool:
    return _MAYBE_SPECIAL.search(plain) is not None and _SPECIAL.search(plain) is not None


def _stretches(text: str) -> list[tuple[str, bool]]:
    """Runs of word characters, cut where the script changes to or from one without spaces; True for those without."""
    plain = _plain(text)
    if not _is_special(plain):
        return [(run, False) for run in _PLAIN_RUN.findall(plain)]
    parts = (part for run in _RUN.findall(plain) for part in _STRETCH.split(run) if part)
    return [(_composed(part), True) if _STRETCH.match(part) else (part, False) for part in parts]


def _composed(stretch: str) -> str:
    """As the dictionaries have it: voiced kana, and the Thai and Lao vowel AM, which only compatibility takes apart."""
    composed = unicodedata.normalize("NFC", stretch)
    return composed.replace("\u0e4d\u0e32", "\u0e33").replace("\u0ecd\u0eb2", "\u0eb3")
