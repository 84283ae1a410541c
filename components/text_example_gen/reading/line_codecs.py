"""Codecs that decode each line by itself, and mark what cannot be decoded."""

from __future__ import annotations

import codecs
import re
from typing import Any

from components.text_example_gen.reading.opening import is_damage

# Of a file in which most lines are in another encoding and some in UTF-8.
AND_UTF8 = " and UTF-8"
_MARK = "\udfff"  # in no text that is decoded strictly
MARK_ERRORS = "text_example_gen.mark"


def _mark(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return _MARK, error.end


codecs.register_error(MARK_ERRORS, _mark)

BY_LINE = ".by_line"  # behind the name of an encoding of `_ESCAPES`
_LINE_END = re.compile(rb"[\r\n]")
_MOST_OF_A_LINE = 2**20  # bytes of which it is decided at once what they are


class _LineDecoder(codecs.IncrementalDecoder):
    """Decodes an encoding with escape sequences, whose lines begin in ASCII (RFC 1468).

    Python's decoder goes on in the letters of a line that was cut.
    """

    encoding = ""

    def __init__(self, errors: str = "strict") -> None:
        super().__init__(errors)
        self._inner = codecs.getincrementaldecoder(self.encoding)(errors)

    def decode(self, data: bytes, final: bool = False) -> str:  # type: ignore[override]
        texts, start = [], 0
        for end in _LINE_END.finditer(data):
            # It is no half of a character that was cut.
            texts += [self._decode(data[start : end.start()], True), end[0].decode()]
            self._inner.reset()
            start = end.end()
        return "".join([*texts, self._decode(data[start:], final)])

    def _decode(self, data: bytes, final: bool) -> str:
        try:
            return self._inner.decode(data, final)
        except UnicodeError as error:
            if not is_damage(error):
                raise
            self._inner.reset()  # it gives up over a sequence that does not end
            return _MARK

    def reset(self) -> None:
        self._inner.reset()

    def getstate(self) -> tuple[bytes, int]:
        return self._inner.getstate()

    def setstate(self, state: tuple[bytes, int]) -> None:
        self._inner.setstate(state)


class _MixedDecoder(codecs.BufferedIncrementalDecoder):
    """Decodes each line that is UTF-8 as such, and any other in a second encoding."""

    encoding = ""

    def __init__(self, errors: str = "strict") -> None:
        super().__init__(errors)
        self._is_first = True

    def _buffer_decode(  # type: ignore[override]
        self, data: bytes, errors: str, final: bool
    ) -> tuple[str, int]:
        ends = [end.end() for end in _LINE_END.finditer(data)]
        if final or len(data) - (ends[-1] if ends else 0) > _MOST_OF_A_LINE:
            ends.append(len(data))
        texts, start = [], 0
        for end in ends:
            texts.append(self._decode(data[start:end], errors))
            start = end
        return "".join(texts), start

    def _decode(self, line: bytes, errors: str) -> str:
        if self._is_first:
            self._is_first = False
            line = line.removeprefix(codecs.BOM_UTF8)
        try:
            return line.decode("utf-8")
        except UnicodeDecodeError:
            return line.decode(self.encoding, errors)

    def reset(self) -> None:
        super().reset()
        self._is_first = True


def _find_by_line(name: str) -> codecs.CodecInfo | None:
    for end, kind in _DECODERS.items():
        if name.endswith(end):
            known = codecs.lookup(name.removesuffix(end))
            decoder: Any = type("Decoder", (kind,), {"encoding": known.name})
            return codecs.CodecInfo(
                known.encode,
                known.decode,
                incrementalencoder=known.incrementalencoder,
                incrementaldecoder=decoder,
                name=name,
            )
    return None


# As Python gives the names to whoever looks for them.
_DECODERS = {BY_LINE: _LineDecoder, "_and_utf_8": _MixedDecoder}
codecs.register(_find_by_line)
