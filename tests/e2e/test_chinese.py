"""A run on Chinese texts, which have no blanks between words."""

from __future__ import annotations

import json

import pytest

from tests.chinese import write_reviews

pytestmark = [pytest.mark.integration, pytest.mark.timeout(900)]


def test_chinese_reviews_train_above_tfidf_on_characters(cli, tmp_path):
    data = write_reviews(tmp_path / "reviews.csv")
    out = tmp_path / "out"
    arguments = ("run", "--data", data, "--output", out, "--set=data.test_fraction=0.2")
    process = cli.start(*arguments, "--set=transform.tokenizer=characters")
    _, err = process.communicate(timeout=800)
    assert process.returncode == 0, err
    assert "hint:" not in err
    summary = json.loads((out / "summary.json").read_text(encoding="utf-8"))
    words = summary["tfidf"]["metrics"]["accuracy"]
    assert 0.6 < words < 0.9
    assert summary["evaluation"]["metrics"]["accuracy"] > words + 0.05
    text = "虽然早餐单调难吃，但是前台的服务热情周到。"
    scored = cli.run("score", "--model", out / "serving", "--explain", text)
    answer = json.loads(scored.stdout)
    assert [word["token"] for word in answer["words"]] == list(text)
