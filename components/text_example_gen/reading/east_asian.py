"""Tells Chinese, Japanese, Korean and Thai in their legacy encodings.

In most of them a letter is two bytes, and many such pairs are UTF-8 by chance.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Sequence

EAST_ASIAN = ("cp932", "euc_jp", "gb18030", "big5", "cp949", "cp874")
# Chinese, Japanese, Korean and Thai letters, and their punctuation. Three in a row: two
# are what a letter in UTF-8 may look like.
_EAST_ASIAN_LETTERS = (
    "\u3000-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3\uff00-\uffef\u0e00-\u0e7f"
)
_EAST_ASIAN_WORD = re.compile(f"[{_EAST_ASIAN_LETTERS}]{{3,}}")
_LEAST_KANA = 0.15  # of the characters that are not ASCII, in Japanese
# Two of five characters of a text in Chinese are these, simplified or traditional.
_FREQUENT_CHINESE = frozenset(
    "的一是不了在人有我他这個个大中来上国到说们为子和你地出道也时年得就那要下以生会自着去之"
    "过家学对可里后小么心多天而能好都然没日于起还发成事只作当想看文无开手十用主行方又如前所本"
    "見很真這來國說們為時會過學對裡後麼沒於還發當無開見"
)
_LEAST_FREQUENT_CHINESE = 0.2
_LEAST_CHINESE = 10  # of them
_MOST_UNDECODED = 0.02  # of the characters that are not ASCII
_LEAST_DECODED = 0.95  # of the lines


def is_east_asian(lines: Sequence[bytes]) -> bool:
    """Returns whether one of these encodings makes words of most of a text.

    Args:
        lines: That break the rules of UTF-8, if not by much.
    """
    if chinese(b"\n".join(lines)) is not None:
        return True
    for encoding in EAST_ASIAN:
        text = decoded(lines, encoding)
        if text is None:
            continue
        wide = sum(not c.isascii() for c in text)
        if sum(map(len, _EAST_ASIAN_WORD.findall(text))) > wide / 2:
            return True
    return False


def decoded(lines: Sequence[bytes], encoding: str) -> str | None:
    """Returns the text of the lines that can be decoded; None if some more cannot."""
    texts = []
    for line in lines:
        with contextlib.suppress(UnicodeDecodeError):
            texts.append(line.decode(encoding))
    return "\n".join(texts) if len(texts) >= _LEAST_DECODED * len(lines) else None


def chinese(sample: bytes) -> str | None:
    """Returns the encoding in which a text is Chinese, or None.

    It need not have long words: texts that were cut into words have none.
    """
    best, most = None, _LEAST_FREQUENT_CHINESE
    for encoding in ("gb18030", "big5"):
        wide = [c for c in sample.decode(encoding, "replace") if not c.isascii()]
        if wide.count("\ufffd") > _MOST_UNDECODED * len(wide):
            continue
        number = sum(c in _FREQUENT_CHINESE for c in wide)
        if number >= _LEAST_CHINESE and number > most * len(wide):
            best, most = encoding, number / len(wide)
    return best


def japanese(sample: bytes) -> str | None:
    """Returns the encoding in which a text is Japanese, or None."""
    for encoding in ("euc_jp", "cp932"):
        if _has_kana(sample, encoding):
            return encoding
    return None


def _has_kana(sample: bytes, encoding: str) -> bool:
    try:
        text = sample.decode(encoding)
    except UnicodeDecodeError:
        return False
    wide = [c for c in text if not c.isascii()]
    return sum("\u3040" <= c <= "\u30ff" for c in wide) > _LEAST_KANA * len(wide)
