"""Guesses in which legacy encoding some lines of text are."""

from __future__ import annotations

import collections
import re
from collections.abc import Iterable, Sequence

from components.text_example_gen.reading.east_asian import (
    EAST_ASIAN,
    chinese,
    decoded,
    is_east_asian,
    japanese,
)

# What the detector may answer, where nothing surer has been found.
_CANDIDATES = (
    "cp1252",
    *("cp1250", "cp1251", "cp1253", "cp1254", "cp1255", "cp1256", "cp1258"),
    *("iso8859_2", "iso8859_5", "iso8859_7", "koi8_r", "koi8_u", "cp866", "cp874"),
    *("cp932", "euc_jp", "gb18030", "big5", "cp949"),
)
SINGLE_BYTE = {"mac_roman", "cp850", "mac_cyrillic", "cp1257", *_CANDIDATES[:-5]} - {
    "cp874"
}
"""Encodings in which hardly a line is UTF-8 by chance."""
# Most disorder that the detector may find; 0.2, its default, refuses short samples.
_MOST_CHAOS = 0.4
# A word of two alphabets is no word.
_MIXED_WORD = re.compile(
    "[a-zA-Z\u00c0-\u024f][\u0370-\u06ff]|[\u0370-\u06ff][a-zA-Z\u00c0-\u024f]"
)

_LATIN = {"cp1250", "cp1252", "cp1254", "cp1257", "cp1258", "iso8859_2"}
_LEAST_WORDS = 0.8
# Polish, Czech and Slovak, Hungarian, Romanian, Croatian and Slovene; Turkish.
_CENTRAL = (
    *("ąćęłńóśźż", "áčďéěíňóřšťúůýž", "áäčďéíĺľňóôŕšťúýž"),
    *("áéíóöőúüű", "ăâîşţ", "čćđšž"),
)
_ALPHABETS = {
    "cp1250": _CENTRAL,
    "cp1254": ("âçğıîöşûüi̇İ",),
    "iso8859_2": _CENTRAL,
}
_MOST_NOISE = 0.3  # of the bytes of the lines
# One line that is cut within a character, or is in another encoding, decides nothing
# where there are so many.
_MANY = 25  # lines
_PARTS = 5  # of them, which are asked one by one
_AGREE = 4
_FOREIGN_WORD = re.compile("[^\x00-\u024f\u2000-\u2bff\uff61-\uff9f]{2,}")
_ASCII = bytes(range(128))

_WESTERN = "cp1252"
_UNDEFINED_WESTERN = bytes((0x81, 0x8D, 0x8F, 0x90, 0x9D))
_SIGNS = frozenset("\xa0\xad¡¿£€¥¢§©®™°·•…–—‘’‚“”„«»‹›´`¨¼½¾¹²³ªºµ×±¬†‡‰÷№")
_USUAL_WESTERN = _SIGNS | frozenset(
    "àáâãäåæçèéêëìíîïðñòóôõöøùúûüýþÿšžœßÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÐÑÒÓÔÕÖØÙÚÛÜÝÞŸŠŽŒ"
)
# What old Macs and DOS wrote, and still Excel's "CSV (Macintosh)" and "CSV (MS-DOS)".
_OLD_WESTERN = ("mac_roman", "cp850")
_LEAST_NATURAL = 0.9  # of the characters that are not ASCII
_MOST_UNNATURAL = 0.5  # natural ones in the wrong encoding; more is no proof
# A small letter in a word or alone, a capital at the beginning of a word or among
# capitals, and signs where one writes them.
_NATURAL = re.compile(
    r"""
    (?<![^\W_a-zß-öø-ÿšžœA-ZÀ-ÖØ-ÞŸŠŽŒ])(?<!\d)[ß-öø-ÿšžœ](?![\dA-ZÀ-ÖØ-ÞŸŠŽŒ])
    | (?<![^\W_])[À-ÖØ-ÞŸŠŽŒ](?=[^\W\d_]|$|\W)
    | (?<=[A-ZÀ-ÖØ-ÞŸŠŽŒ])[À-ÖØ-ÞŸŠŽŒ](?![a-zß-öø-ÿ])
    | (?<=\w)[’´`](?=\w) | (?<=\w)[’”»›…™®°ªº²³](?!\w)
    | (?<!\w)[“„‘‚«‹¡¿](?=\w) | (?<!\w)[–—•·…©§¶†°](?!\w)
    | (?<=[\d\s])[–—×±](?=[\d\s]) | (?<!\w)[£€¥¢](?=[\d\s]) | (?<=[\d\s])[£€¥¢°½¼¾]
    """,
    re.VERBOSE,
)
_GREEK = ("cp1253", "iso8859_7")
_GREEK_WORD = re.compile("[\u0370-\u03ff]{2,}")
_SMALL_GREEK = re.compile("[\u03ac-\u03ce]")
_CAPITAL_IN_GREEK = re.compile("[\u03ac-\u03ce][\u0391-\u03ab]")
_LEAST_GREEK = 4  # letters
_FREQUENT_GREEK = re.compile("[αεηιοτσςνάέήίό]", re.IGNORECASE)
_LEAST_FREQUENT_GREEK = 0.5
_UNNATURAL_GREEK = re.compile("(?<![\u0370-\u03ff])[’¶](?=[\u03b1-\u03ce])")
_CYRILLIC = ("cp1251", "koi8_r", "koi8_u", "cp866", "iso8859_5", "mac_cyrillic")
_CYRILLIC_WORD = re.compile("[\u0400-\u045f\u0490\u0491]{2,}")
# Two of three letters are these, in each language that is written so.
_FREQUENT_CYRILLIC = re.compile("[оеаинтсрвлі]", re.IGNORECASE)
_LEAST_FREQUENT = 0.5
_LONG_WORD = 4  # letters
_UNNATURAL_CYRILLIC = re.compile("[\u0430-\u045f][\u0400-\u042f]")  # aB
_HEBREW = "cp1255"
_OF_OTHER_SCRIPTS = {*EAST_ASIAN, *_GREEK, *_CYRILLIC, _HEBREW, "cp1256"}
_HEBREW_LETTER = re.compile("[\u05d0-\u05ea]")
# These letters end words, and stand nowhere else.
_FINAL_HEBREW = re.compile("[\u05da\u05dd\u05df\u05e3\u05e5]")
_FINAL_IN_WORD = re.compile("[\u05da\u05dd\u05df\u05e3\u05e5](?=[\u05d0-\u05ea])")
_LEAST_HEBREW = 12  # letters
_BALTIC = "cp1257"
_BALTIC_LETTERS = ("ąčęėįšųūž", "āčēģīķļņšūž")  # Lithuanian, Latvian
_OTHER_BALTIC = set("ąčęėįųūāēģīķļņ")  # the others are Turkish and Icelandic ones, too
_LEAST_BALTIC = 2  # different ones of the former
_MOST_DEFINED = 0.9
_MOST_ODD = 0.1
_MOST_SYMBOLS = 0.03
_WIDE_LETTERS = re.compile(r"[^\W\d_a-zA-Z]{3,}")
# Letters of other encodings are such symbols in cp1252: `z³y` is Polish.
_SYMBOL_IN_WORD = re.compile(
    r"(?<=[^\W\d_])[¹³¾¼½¿»«±¶¥£¢§ªº¡¬×®©¨¯¤¦¸](?=[^\W\d_])|(?<!\d)º(?![CF]\b)(?=[^\W\d_])"
)
# Letters that no Western language has together, though cp1252 has them all.
_NOT_WESTERN = (
    ("øØ", "ìèùÌÈÙ"),  # Czech in cp1250
    ("ìÌ", "ýøÝØ"),
    ("šžŠŽ", "èÈ"),  # Slovene, Croatian, Lithuanian
    ("õûÕÛ", "áÁ", "öüÖÜ"),  # Hungarian
    ("ýþðÝÞÐ", "çüÇÜ"),  # Turkish
    ("þÞ", "ãâîëï"),  # Romanian, Lithuanian, Latvian
)


def guess_encoding(lines: Iterable[bytes]) -> str | None:
    """Returns the legacy encoding that some lines are probably in, or None.

    The same lines always get the same answer. What may be Western European is cp1252,
    which has all characters of Latin-1, and punctuation for its control characters.

    Args:
        lines: Whole ones, not ASCII.
    """
    lines = list(lines)
    whole = _guess(lines)
    if len(lines) < _MANY:
        return whole
    # Of letters that are not Latin, one odd byte or word makes a text another one.
    parts = (_guess(lines[first::_PARTS]) for first in range(_PARTS))
    [(usual, number)] = collections.Counter(parts).most_common(1)
    if usual not in _OF_OTHER_SCRIPTS or number < _AGREE:
        return whole
    return usual if decoded(lines, usual) is not None else whole


def _guess(lines: list[bytes]) -> str | None:
    sample = b"\n".join(lines)
    found = (
        _hebrew(sample)
        or _greek(sample)
        or _cyrillic(sample)
        or _baltic(sample)
        or _old_western(sample)
    )
    if found is not None:
        return found
    found = japanese(sample) or chinese(sample)  # words alone may look Western
    if found is not None:
        return found
    defined = [
        line for line in lines if line.translate(None, _UNDEFINED_WESTERN) == line
    ]
    if len(defined) >= _MOST_DEFINED * len(lines):  # stray bytes do not decide
        lines = defined
        if _is_western(b"\n".join(lines).decode(_WESTERN)):
            return _WESTERN
    sample = b"\n".join(lines)
    found = _of_an_alphabet(sample)
    if found is not None:
        return found
    # It takes 50 ms to import, and few files need it.
    from charset_normalizer import from_bytes

    matches = list(
        from_bytes(sample, cp_isolation=list(_CANDIDATES), threshold=_MOST_CHAOS)
    )  # the best one first
    words = [match for match in matches if _makes_words(str(match), match.encoding)]
    if words:
        return words[0].encoding
    # Noise: a few strange characters in English, say.
    wide = len(sample.translate(None, _ASCII))
    return _WESTERN if wide < _MOST_NOISE * len(sample) else None


def _of_an_alphabet(sample: bytes) -> str | None:
    """Returns the encoding that makes most letters of one language of a text."""
    best, most = None, 0.0
    for encoding, alphabets in _ALPHABETS.items():
        share = _share_of_one(sample.decode(encoding, "replace"), alphabets)
        if share > most:
            best, most = encoding, share
    return best if most >= _LEAST_NATURAL else None


def _share_of_one(text: str, alphabets: Iterable[str]) -> float:
    """Returns the largest share of one alphabet in a text; 0 if it has no words."""
    wide = [c.lower() for c in _wide(text)]
    if not wide or _in_words(text) < _LEAST_WORDS:
        return 0.0
    return max(sum(c in letters for c in wide) for letters in alphabets) / len(wide)


def _wide(text: str) -> list[str]:
    """Returns the characters that are neither ASCII nor signs."""
    return [c for c in text if not c.isascii() and c not in _SIGNS]


def _makes_words(text: str, encoding: str) -> bool:
    """Returns whether what is not ASCII in a text stands in words of one alphabet."""
    if _MIXED_WORD.search(text):
        return False
    if encoding in _LATIN:
        is_odd = _SYMBOL_IN_WORD.search(text) is not None
        return _in_words(text) >= _LEAST_WORDS and not is_odd
    wide = len(_wide(text))
    return sum(map(len, _FOREIGN_WORD.findall(text))) >= _LEAST_WORDS * max(1, wide)


def _in_words(text: str) -> float:
    """Returns the share of Latin letters with marks that stand as in a word."""
    total = right = 0
    for before, c, after in zip(" " + text, text, text[1:] + " ", strict=False):
        if c.isascii() or c in _SIGNS:
            continue
        total += 1
        if c.islower():
            right += not (after.isupper() or after.isdigit() or before.isdigit())
        elif c.isupper():
            right += not (before.islower() or after.isdigit() or before.isdigit())
    return right / max(1, total)


def _old_western(sample: bytes) -> str | None:
    """Returns what makes Western European words of what cp1252 makes none of."""
    if _natural(sample.decode(_WESTERN, "replace")) > _MOST_UNNATURAL:
        return None
    texts = {encoding: sample.decode(encoding) for encoding in _OLD_WESTERN}
    share = {encoding: _natural(text) for encoding, text in texts.items()}
    best = max(_OLD_WESTERN, key=share.__getitem__)
    is_found = share[best] >= _LEAST_NATURAL and _is_western(texts[best])
    return best if is_found else None


def _natural(text: str) -> float:
    """Returns the share of characters that stand where one writes them."""
    wide = sum(not c.isascii() for c in text)
    return sum(not c[0].isascii() for c in _NATURAL.finditer(text)) / max(1, wide)


def _cyrillic(sample: bytes) -> str | None:
    """Returns the encoding that makes a text in Cyrillic letters, or None."""
    best, most = None, 0
    for encoding in _CYRILLIC:
        text = sample.decode(encoding, "replace")
        words = _CYRILLIC_WORD.findall(text)
        letters = sum(map(len, words))
        wide = len(_wide(text))
        odd = len(_UNNATURAL_CYRILLIC.findall(text)) + len(_MIXED_WORD.findall(text))
        if letters < _MOST_DEFINED * wide or odd > _MOST_ODD * len(words):
            continue
        if max(map(len, words), default=0) < _LONG_WORD:
            continue  # noise
        frequent = sum(len(_FREQUENT_CYRILLIC.findall(word)) for word in words)
        if frequent > max(most, _LEAST_FREQUENT * wide):
            best, most = encoding, frequent
    return best


def _hebrew(sample: bytes) -> str | None:
    """Returns the encoding of Hebrew if a text is in Hebrew letters."""
    text = sample.decode(_HEBREW, "replace")
    letters = len(_HEBREW_LETTER.findall(text))
    wide = len(_wide(text))
    if letters < max(_LEAST_HEBREW, _LEAST_NATURAL * wide) or _MIXED_WORD.search(text):
        return None
    final, in_word = len(_FINAL_HEBREW.findall(text)), _FINAL_IN_WORD.findall(text)
    return _HEBREW if len(in_word) < _MOST_ODD * final else None


def _greek(sample: bytes) -> str | None:
    """Returns the encoding of Greek that has fewer signs before small letters.

    They are two, and differ in a capital with an accent.
    """
    texts = {name: sample.decode(name, "replace") for name in _GREEK}
    text = texts[_GREEK[0]]
    words = _GREEK_WORD.findall(text)
    letters, wide = sum(map(len, words)), len(_wide(text))
    odd = len(_CAPITAL_IN_GREEK.findall(text)) + len(_MIXED_WORD.findall(text))
    if letters < max(_LEAST_GREEK, _MOST_DEFINED * wide):
        return None
    if odd > _MOST_ODD * len(words):
        return None
    if len(_SMALL_GREEK.findall(text)) < letters / 2:
        return None  # small letters of KOI8 are capitals here
    if len(_FREQUENT_GREEK.findall(text)) < _LEAST_FREQUENT_GREEK * letters:
        return None
    return min(_GREEK, key=lambda name: len(_UNNATURAL_GREEK.findall(texts[name])))


def _baltic(sample: bytes) -> str | None:
    """Returns the encoding of Lithuanian and Latvian if a text may be one of them."""
    text = sample.decode(_BALTIC, "replace")
    wide = _wide(text)
    if sum(c.islower() for c in wide) < len(wide) / 2:
        return None  # noise
    is_one = _share_of_one(text, _BALTIC_LETTERS) >= _LEAST_NATURAL
    wide = [c.lower() for c in wide]
    is_no_other = len(_OTHER_BALTIC.intersection(wide)) >= _LEAST_BALTIC
    has_caron = "š" in wide or "ž" in wide
    return _BALTIC if is_one and is_no_other and has_caron else None


def _is_western(text: str) -> bool:
    """Returns whether a text of any length may be in a Western European language."""
    counts = collections.Counter(c for c in text if not c.isascii())
    total = counts.total()
    usual = sum(number for c, number in counts.items() if c in _USUAL_WESTERN)
    if usual < _MOST_DEFINED * total:
        return False
    # Of a foreign alphabet, whole words are such letters. Finnish has two in a row.
    in_row = sum(map(len, _WIDE_LETTERS.findall(text)))
    if in_row > _MOST_ODD * total:
        return False
    if len(_SYMBOL_IN_WORD.findall(text)) > _MOST_SYMBOLS * total:
        return False
    return not any(
        all(sum(counts[c] for c in group) > _MOST_ODD / 2 * total for group in groups)
        for groups in _NOT_WESTERN
    )


def is_plausible(text: str) -> bool:
    """Returns whether a line that is UTF-8 is not so by chance.

    Chance makes combining marks, controls, and letters of rare scripts.
    """
    wide = [c for c in text if not c.isascii()]
    return all(c.isalpha() or c in _SIGNS or c >= "\u2000" for c in wide) and not any(
        "\u0250" <= c <= "\u036f" or "\u0530" <= c <= "\u058f" for c in wide
    )


def is_no_utf8(lines: Sequence[bytes]) -> bool:
    """Returns whether another encoding makes words of most of a text.

    Args:
        lines: That break the rules of UTF-8, if not by much.
    """
    return _cyrillic(b"\n".join(lines)) is not None or is_east_asian(lines)
