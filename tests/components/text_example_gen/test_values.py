from __future__ import annotations

import datetime
import decimal

import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from components.text_example_gen.values import (
    INVISIBLE,
    TRUTH_VALUE,
    UNICODE_FORM,
    WHITE_SPACE,
    WHOLE_NUMBER,
    BadValueError,
    SeveralLabelsError,
    clean_label,
    clean_labels,
    clean_text,
    digest,
    has_replaced,
    is_lossy,
    join_texts,
    kept_value,
    read_label,
    text_of,
)
from keras_elmo.text import _RULES, tokenize


@pytest.mark.parametrize(
    ("value", "label"),
    [
        ("  spam ", "spam"),
        ("two\nlines", "two lines"),
        ("1.0", "1"),
        (1, "1"),
        (-3, "-3"),
        (1.0, "1"),
        (0.5, "0.5"),
        (True, "true"),
        ("False", "false"),
        ("tRUE", "tRUE"),
        ("-0.00", "0"),
        (-0.0, "0"),
        ("1.10", "1.10"),
        ("1.0.0", "1.0.0"),
        ("007", "007"),
        ("01.0", "01.0"),
        ("1e3", "1e3"),
        ("\ufeffspam\u200b", "spam"),
        ("\u202aspam\u202c", "spam"),
        ("so\u00adft", "soft"),
        ("a\u00a0 b", "a b"),
        ("a\x01b", "a b"),
        ("cafe\u0301", "caf\u00e9"),
        ("spam\u200d", "spam"),
        ("\u0645\u06cc\u200c\u062e", "\u0645\u06cc\u200c\u062e"),
        ("\U0001f469\u200d\U0001f467", "\U0001f469\u200d\U0001f467"),
        ("\u200b", None),
        (decimal.Decimal("2.00"), "2"),
        (b"caf\xc3\xa9", "caf\u00e9"),
        (datetime.date(2020, 1, 2), "2020-01-02"),
        (None, None),
        (float("nan"), None),
        ("", None),
        (" \t", None),
    ],
)
def test_a_class_has_one_label_however_it_is_written(value, label):
    assert clean_label(value) == label


@pytest.mark.parametrize(
    ("value", "changes"),
    [
        (" spam\n ham ", (WHITE_SPACE,)),
        ("1.50", ()),
        (1.0, ()),
        (True, ()),
        ("spam\u00a0", (INVISIBLE,)),
        ("sp\u200bam", (INVISIBLE,)),
        ("cafe\u0301", (UNICODE_FORM,)),
        ("\ufeff1.0", (INVISIBLE, WHOLE_NUMBER)),
        ("TRUE", (TRUTH_VALUE,)),
    ],
)
def test_what_is_done_to_a_label_is_said_but_for_white_space_around(value, changes):
    assert read_label(value) == (clean_label(value), read_label(value).written, changes)


@pytest.mark.parametrize("clean", [clean_text, clean_label])
@pytest.mark.parametrize("value", [["a"], {"a": 1}, "a\0b"])
def test_a_value_that_is_neither_text_nor_label_is_refused(clean, value):
    with pytest.raises(BadValueError):
        clean(value)


@pytest.mark.parametrize(
    ("value", "expected"),
    [(b"caf\xe9", True), ([b"\xff"], True), (b"caf\xc3\xa9", False), ("\ufffd", False)],
)
def test_bytes_that_cannot_be_decoded_are_lossy(value, expected):
    record = {"replaced_utf8": False, "columns": {"label": value}}
    assert is_lossy(record, value, " ".join(clean_labels(value))) == expected
    if not isinstance(value, list):
        assert has_replaced(record, ["label"]) == expected
    assert has_replaced({**record, "replaced_utf8": True}, [])


def test_a_text_is_no_label():
    assert clean_labels("x" * 1000) == ["x" * 1000]
    assert clean_label("x" * 1001) == "x" * 1001, "a group may have such a name"
    with pytest.raises(BadValueError, match="has 1,001 characters, and a label has at"):
        clean_labels("a;" + "x" * 1001, separator=";", several=True)


@pytest.mark.parametrize(
    "value",
    [None, "", " \n\u3000", "<br /><BR>", "\x01\x85", "\ufeff \u200b", float("nan")],
)
def test_a_text_without_anything_to_read_is_none(value):
    assert clean_text(value) is None


def test_what_is_invisible_here_is_what_no_tokenizer_reads():
    codes = [*range(1, 0xD800), *range(0xE000, 0x10000)]
    texts = [f"a{chr(code)}b" for code in codes]
    tokens = tokenize(tf.constant(texts), "whitespace").to_list()
    unread = [code for code, row in zip(codes, tokens, strict=True) if row == [b"ab"]]
    # Joiners are left out of labels alone, and only where they join nothing.
    left_out = [code for code in codes if clean_label(f"a{chr(code)}b") == "ab"]
    assert unread == [code for code in left_out if code not in (0x200C, 0x200D)]


@pytest.mark.parametrize("value", ["<br />a ", " .", "\u00bd", "\ufffd"])
def test_a_text_stays_as_it_is(value):
    assert clean_text(value) == value


@pytest.mark.parametrize(
    "same",
    [
        "a good  film",
        " A Good Film\n",
        "a \uff27ood film",
        "a good\u00a0film",
        "\ufeffa go\xadod film",
    ],
)
def test_texts_that_differ_in_case_and_white_space_have_one_digest(same):
    assert digest(same) == digest("a good film")
    assert digest(same) != digest("a good filn")


@pytest.mark.timeout(20)  # with the square of the length it takes minutes
@pytest.mark.parametrize(
    "run", ["\u0301\u0316", "\uff9e\u0316", "\u0f73", "\u200c\u200d", "\u0301"]
)
def test_long_runs_of_marks_and_joiners_take_no_longer_than_letters(run):
    text = f"\u00e9{run * 100_000}\u00e9"
    digest(text)
    assert clean_label(text).endswith("\u00e9")


def test_of_a_letter_with_many_marks_thirty_are_sorted_at_a_time():
    few, many = "\u0316\u0301" * 15, "\u0301\u0316" * 15
    assert digest(f"a{few}") == digest(f"a{many}")
    assert digest(f"a{few}b{few}") == digest(f"a{many}b{many}")
    assert clean_label("e\u0301" * 50) == "\u00e9" * 50


@given(st.text(st.characters(blacklist_categories=("Cs",))))
def test_folding_a_text_again_changes_no_digest(text):
    assert digest(text.casefold()) == digest(text)


def _tokens(text):
    return [token.decode() for token in tokenize([text])[0].numpy().tolist()]


@pytest.mark.parametrize(
    ("title", "joined"),
    [
        ("A fine film", "A fine film . it runs."),
        ("A fine film. ", "A fine film . it runs."),
        ("Who knows?", "Who knows? . it runs."),
        ("Wait...", "Wait.. . it runs."),
        ("Martin Luther King Jr.", "Martin Luther King Jr. . it runs."),
        ("7 Main St", "7 Main St. . it runs."),
        ("Top 10.", "Top 10 . it runs."),
    ],
)
def test_joined_texts_have_a_boundary_that_the_tokeniser_keeps(title, joined):
    assert join_texts([title, " it runs."]) == joined
    for body in ("it runs.", "It runs.", '"It" runs.'):
        *before, last = _tokens(join_texts([title, body]))[: -len(_tokens(body))]
        alone = _tokens(title)
        words = alone[:-1] if alone[-1] == "." else alone
        assert last == "."
        assert before in (words, [*words[:-1], f"{words[-1]}."])


def test_words_whose_full_stop_the_tokeniser_keeps_do_not_take_the_boundary():
    [rule] = [pattern for pattern, _ in _RULES if "|Prof|" in pattern]
    words = rule[rule.index("(") + 1 : rule.index(")")].split("|")
    assert len(words) == 15
    for word in words:
        tokens = ["a", f"{word}.", ".", "Body"]
        assert _tokens(join_texts([f"a {word}", "Body"])) == tokens


def test_a_row_has_a_text_as_long_as_one_of_its_columns_has():
    names = ("title", "body")
    assert text_of({"title": "A. ", "body": " b "}, names) == "A . b "
    assert text_of({"title": " ", "body": " b "}, names) == " b "
    assert text_of({"title": "A. "}, names) == "A. "
    assert text_of({"title": None, "body": "<br>"}, names) is None
    with pytest.raises(BadValueError, match="`body`: the value is a list"):
        text_of({"title": "A", "body": []}, names)


@pytest.mark.parametrize(
    ("value", "labels"),
    [
        ("b; a;b ;;", ["a", "b"]),
        ("a", ["a"]),
        (" ; ", []),
        (["b;c", "a", None, ""], ["a", "b;c"]),
        (("x", 1, 1.0), ["1", "x"]),
        ([], []),
        (None, []),
        (3, ["3"]),
    ],
)
def test_several_labels_are_each_once_and_sorted(value, labels):
    assert clean_labels(value, separator=";", several=True) == labels


def test_several_labels_need_a_word_and_a_list_of_one_does_not():
    assert clean_labels(["a"]) == clean_labels(["a", "a ", None]) == ["a"]
    assert clean_labels("a;b") == ["a;b"]
    with pytest.raises(SeveralLabelsError, match="2 labels, such as 'a' and 'b'"):
        clean_labels(["b", "a"])
    with pytest.raises(BadValueError, match="the value is a dict"):
        clean_labels([{}], several=True)


@pytest.mark.parametrize("written", ["New  York", "New\nYork", "New \t York"])
def test_blanks_within_a_label_are_one_and_it_is_said(written):
    label = read_label(f" {written} ")
    assert (label.name, label.changes) == ("New York", ("label_white_space",))
    assert read_label(" New York ").changes == ()


@pytest.mark.parametrize(
    ("value", "name"),
    [
        (1, "1"), (1.0, "1"), ("1.0", "1"), ("007", "007"), (0.5, "0.5"),
        (True, "true"), ("TRUE", "true"), ("New\n York\u200b", "New York"),
        (None, ""), ("  ", ""), (float("nan"), ""), (b"caf\xff", "caf\ufffd"),
        (["a", 1], '["a", 1]'), ("a\0b", '"a\\u0000b"'), (b"a\0b", '"a\\u0000b"'),
    ],
)  # fmt: skip
def test_a_kept_value_is_written_in_one_way(value, name):
    assert kept_value(value) == name
