"""Which tokenizer is suggested for texts in which script."""

from __future__ import annotations

import pytest

from components.text_example_gen.scripts import suggested_tokenizer
from tests.chinese import reviews


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        ([text for text, _ in reviews(20)], "characters"),
        (["食べるのがとても好きです。"], "characters"),
        (["ｶﾀｶﾅﾀﾞｹﾉﾃｷｽﾄ"], "characters"),
        (["สวัสดีครับผมชื่อสมชายและชอบหนังเรื่องนี้มาก"], "characters"),
        (["今天 天氣 真 好 ， 我們 出去 走走"], "whitespace"),
        (["A film by 王家卫, in English."], None),
        (["한국어는 띄어쓰기를 한다."], None),
        (["Хороший фильм."], None),
        (["... 123 !!!"], None),
        ([""], None),
        ([], None),
    ],
)
def test_the_suggestion_follows_the_script(texts, expected):
    assert suggested_tokenizer(texts) == expected


def test_a_long_text_is_not_read_to_its_end():
    assert suggested_tokenizer(iter(["电影" * 600_000, None])) == "characters"
