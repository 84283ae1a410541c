"""Text to tokens in core TensorFlow string ops, the same in training and serving."""

from __future__ import annotations

import tensorflow as tf

# How texts may be cut into tokens: by the rules below; at white space alone; where the
# script changes, too; or after every character.
ELMO, WHITESPACE, UNICODE_SCRIPT, CHARACTERS = TOKENIZERS = (
    "elmo",
    "whitespace",
    "unicode_script",
    "characters",
)
# Of marks that belong to the character before them; ICU's USCRIPT_INHERITED.
_INHERITED = 1

# Web reviews are full of HTML line breaks; they and control characters are spaces.
_TO_SPACE = r"(?i)<br\s*/?>|[\p{Cc}\p{Z}]"
# What takes no room and spells nothing: soft hyphen, zero-width space, marks of
# direction, word joiner, byte order mark. The two joiners (U+200C and U+200D) stay:
# words of Persian and of India's scripts are spelled with them, and emoji.
_INVISIBLE = (
    r"[\x{ad}\x{61c}\x{180e}\x{200b}\x{200e}\x{200f}\x{202a}-\x{202e}"
    r"\x{2060}-\x{206f}\x{feff}\x{fff9}-\x{fffb}]"
)
# A character with what stands on it or joins it to the next.
_CHARACTER = r"([^\p{M}\x{200c}\x{200d}][\p{M}\x{200c}\x{200d}]*)"

# Characters that are read of a text, for each token that is kept of it: as they come,
# and once white space is folded. A token has 5 of them on average.
_RAW_CHARS = 1000
_FOLDED_CHARS = 100
_LEAST_TOKENS = 512  # so that few tokens to keep do not make few to count
_MOST_TOKENS = 2**40  # far from where these products overflow

# Rules in the order they are applied; each puts spaces around what is a token of
# its own. They follow the Penn Treebank's conventions, which the One Billion Word
# Benchmark, ELMo's training text, was tokenised by. Case is kept.
_RULES = (
    (r"[\x{2018}\x{2019}`]", "'"),
    (r"[\x{201c}\x{201d}]", '"'),
    (r"(\.\.+|\x{2026})", r" ... "),
    (r"(--+|[\x{2013}\x{2014}])", r" -- "),
    (r'([!?;"()\[\]{}<>*=|~^#@&%$\x{a3}\x{20ac}+_\\])', r" \1 "),
    (r"([\x{3001}-\x{303f}\x{ff01}-\x{ff0f}\x{ff1a}-\x{ff20}])", r" \1 "),
    (r"([^0-9 ])([,:/])", r"\1 \2 "),
    (r"([,:/])([^0-9 ])", r" \1 \2"),
    (r"([,:/])$", r" \1"),
    (r"([,:/]) ", r" \1 "),
    # A full stop is apart at the end of the text and before a capital; within it
    # may belong to an abbreviation, as it does after a title.
    (r"([^ .])\.(['\" )\]]*)$", r"\1 . \2"),
    (r"([^ .]{2,})\.((?: *[\"')\]])* +[\"'(\[]* ?\p{Lu})", r"\1 . \2"),
    (r"\b(Mr|Mrs|Ms|Dr|St|Jr|Sr|Prof|Gen|Rev|Lt|Col|Capt|Sgt|vs) \. ", r"\1. "),
    (r"(?i)\b(can)(not)\b", r"\1 \2"),
    (r"(?i)([a-z])(n't)\b", r"\1 \2"),
    (r"(?i)([\pL\pN])('(?:s|m|d|ll|re|ve))\b", r"\1 \2"),
    # Quotes are apart from what they enclose; an apostrophe inside a word is not.
    (r"(^| )'([^ ])", r"\1' \2"),
    (r"([^ ])'( |$)", r"\1 '\2"),
    # The two rules above part the clitics again: join them.
    (r"(?i)(^| )' (s|m|d|ll|re|ve|t)( |$)", r"\1'\2\3"),
)


def normalize_text(text: tf.Tensor) -> tf.Tensor:
    """Repairs text and folds its white space; case stays.

    Invalid UTF-8 becomes U+FFFD; invisible characters, such as a zero-width space or a
    byte order mark, are left out; HTML line breaks and control characters become
    spaces; runs of white space become one space, none at either end.

    Args:
        text: string of any shape.

    Returns:
        string of the same shape, valid UTF-8.
    """
    text = tf.strings.unicode_transcode(
        text, "UTF-8", "UTF-8", errors="replace", replace_control_characters=False
    )
    text = tf.strings.regex_replace(text, _INVISIBLE, "")
    text = tf.strings.regex_replace(text, _TO_SPACE, " ")
    text = tf.strings.regex_replace(text, " +", " ")
    return tf.strings.strip(text)


def tokenize(text: tf.Tensor, tokenizer: str = ELMO) -> tf.RaggedTensor:
    """Splits text into tokens.

    Args:
        text: string `(batch,)`, valid UTF-8 or not.
        tokenizer: `elmo` for words, punctuation and clitics (`do n't`, `it 's`);
            `whitespace` for what stands between spaces; `unicode_script` for what
            stands between spaces, cut where the script changes (as from Latin to
            Han), where digits, punctuation and symbols all count as one script, so
            that `ELMo2024!` is `ELMo` and `2024!`; `characters` for each character,
            with the marks that stand on it.

    Returns:
        string `(batch, (time))`; a row of white space or invisible characters has no
        tokens.
    """
    return tf.strings.split(_apart(normalize_text(text), tokenizer))


def first_tokens(
    text: tf.Tensor, max_tokens: int, *, tokenizer: str = ELMO
) -> tuple[tf.RaggedTensor, tf.Tensor]:
    """Tokenises what can matter of each text if only `max_tokens` tokens are kept.

    The rules take seconds for a megabyte. Of a text no more is read than 1,000
    characters a token, and of these, once white space is folded, no more than 100;
    `max_tokens` counts as at least 512 here. The tokens of a text that is shorter, and
    the first `max_tokens` of any text that has no such tokens or gaps, are those of
    `tokenize`.

    Args:
        text: string `(batch,)`, valid UTF-8 or not.
        max_tokens: How many tokens of a text the caller keeps, at least 1.
        tokenizer: As `tokenize` takes it.

    Returns:
        The tokens of what was read, string `(batch, (time))`, not cut to `max_tokens`;
        and int64 `(batch,)`, how many these are, plus 1 if not all was read.
    """
    counted = min(max(max_tokens, _LEAST_TOKENS), _MOST_TOKENS)
    raw = _first_chars(text, counted * _RAW_CHARS)
    folded = normalize_text(raw)
    read = _first_chars(folded, counted * _FOLDED_CHARS)
    tokens = tf.strings.split(_apart(read, tokenizer))
    is_cut = tf.logical_or(raw != text, read != folded)
    return tokens, tokens.row_lengths() + tf.cast(is_cut, tf.int64)


def _apart(text: tf.Tensor, tokenizer: str) -> tf.Tensor:
    """Puts spaces around the tokens of normalised text."""
    if tokenizer not in TOKENIZERS:
        raise ValueError(
            f"`tokenizer` must be one of {', '.join(TOKENIZERS)}. "
            f"Received: `tokenizer={tokenizer}`"
        )
    if tokenizer == WHITESPACE:
        return text
    if tokenizer == CHARACTERS:
        return tf.strings.regex_replace(text, _CHARACTER, r" \1 ")
    if tokenizer == UNICODE_SCRIPT:
        return _scripts_apart(text)
    for pattern, replacement in _RULES:
        text = tf.strings.regex_replace(text, pattern, replacement)
    return text


def _scripts_apart(text: tf.Tensor) -> tf.Tensor:
    """Puts a space between characters of different scripts."""
    chars = tf.strings.unicode_split(text, "UTF-8")
    points = tf.strings.unicode_decode(text, "UTF-8").flat_values
    scripts = tf.strings.unicode_script(points)
    rows = chars.value_rowids()
    is_first = rows != tf.concat([rows[:1] - 1, rows[:-1]], axis=0)
    # A mark has the script of what it stands on: the last character of its text that is
    # no mark.
    bases = tf.reshape(tf.where((scripts != _INHERITED) | is_first), [-1])
    bases = tf.concat([[tf.constant(0, tf.int64)], bases], axis=0)
    place = tf.range(tf.size(points, tf.int64))
    last = tf.searchsorted(bases, place, side="right") - 1
    scripts = tf.gather(scripts, tf.gather(bases, last))
    before = tf.concat([scripts[:1], scripts[:-1]], axis=0)
    spaced = tf.where(
        scripts != before, tf.strings.join([" ", chars.flat_values]), chars.flat_values
    )
    return tf.strings.unsorted_segment_join(spaced, rows, tf.size(text, tf.int64))


def _first_chars(text: tf.Tensor, count: int) -> tf.Tensor:
    begin, length = tf.constant(0, tf.int64), tf.constant(count, tf.int64)
    return tf.strings.substr(text, begin, length, unit="UTF8_CHAR")
