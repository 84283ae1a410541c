"""The errors of this package.

ElmoError
└── SourceError    an ELMo source that cannot be found or is of no known form
    └── WeightsError   its weights do not fit its options, or are no finite numbers
"""

_MOST_CHARS = 2_000  # of a message: a name may have as many as a stranger likes
_HINT = "\nhint: "


class ElmoError(ValueError):
    """Something about an ELMo model that its user can mend.

    Its message is one line, and perhaps a line with a hint. Names in it may be a
    stranger's: what does not print stands there as an escape.
    """

    def __init__(self, message: str) -> None:
        super().__init__(_HINT.join(map(_printable, message.split(_HINT))))


def _printable(text: str) -> str:
    if len(text) > _MOST_CHARS:
        half = _MOST_CHARS // 2
        text = f"{text[:half]} ... {text[-half:]}"
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)


class SourceError(ElmoError):
    """A source names nothing that can be loaded."""


class WeightsError(SourceError):
    """A source lacks a tensor, or holds one of another shape, type or value."""


def no_place(what: str, origin: str, rule: str) -> WeightsError:
    """Returns what is said of a tensor that only another model would have."""
    return WeightsError(f"{origin} holds {what}, which has no place here: {rule}")
