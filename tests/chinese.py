"""Chinese reviews of films and hotels, put together from phrases, without blanks."""

from __future__ import annotations

import csv
import random
from pathlib import Path

_THINGS = {
    "film": (
        "这部电影",
        "这个故事",
        "导演的新片",
        "昨晚看的片子",
        "这部纪录片",
        "第二季",
    ),
    "hotel": (
        "这家酒店",
        "我们住的房间",
        "前台的服务",
        "早餐",
        "酒店的位置",
        "这次入住",
    ),
}
_BEFORE = (
    "",
    "说实话，",
    "总的来说，",
    "和朋友一起去的，",
    "看了评论才来的，",
    "没想到",
)
_OPINIONS = {
    "film": {
        "正面": (
            *(
                "拍得非常用心",
                "让人感动得流泪",
                "节奏紧凑又不失细腻",
                "演员的表演十分自然",
            ),
            *(
                "配乐美得让人难忘",
                "结局出乎意料而且精彩",
                "一点也不无聊",
                "值得再看一遍",
            ),
            *("台词幽默又有深意", "画面干净漂亮", "比我期待的好得多", "没有一处多余"),
        ),
        "负面": (
            *(
                "拍得非常敷衍",
                "让人尴尬得想离场",
                "节奏拖沓又混乱",
                "演员的表演十分生硬",
            ),
            *(
                "配乐吵得让人头疼",
                "结局莫名其妙而且无聊",
                "一点也不精彩",
                "不值得看第二遍",
            ),
            *("台词老套又空洞", "画面昏暗难看", "比我期待的差得多", "没有一处感人"),
        ),
    },
    "hotel": {
        "正面": (
            *("干净又安静", "热情周到", "丰富可口", "离地铁站很近"),
            *("比照片上还要漂亮", "没有让我们失望", "一点也不吵", "性价比很高"),
            *("床很舒服睡得很香", "下次还会选择", "卫生做得很好", "值得推荐给家人"),
        ),
        "负面": (
            *("又脏又吵", "冷淡敷衍", "单调难吃", "离地铁站很远"),
            *("和照片上完全不一样", "没有让我们满意", "一点也不安静", "性价比太低"),
            *("床太硬整晚没睡好", "下次不会再来", "卫生做得很差", "不推荐给任何人"),
        ),
    },
}
# What the first clause grants, the second one outweighs: its label counts.
_ALTHOUGH = (("虽然", "，但是"), ("尽管", "，不过"), ("就算", "，"), ("都说", "，其实"))
_AFTER = ("。", "！", "，就这样。", "，仅供参考。", "，十月去的。", "，有点意外。")


def reviews(count: int, seed: int = 1) -> list[tuple[str, str]]:
    """Returns `(text, label)`, half of each label, no text twice.

    In two of three texts both labels have a phrase, and the order decides: words and
    pairs of characters do not tell.
    """
    rng = random.Random(seed)
    rows: dict[str, str] = {}
    while len(rows) < count:
        kind = rng.choice(sorted(_THINGS))
        label, other = ("正面", "负面")[:: 1 if len(rows) % 2 else -1]
        first, second = rng.sample(_THINGS[kind], 2)
        phrase = rng.choice(_OPINIONS[kind][label])
        if rng.random() < 1 / 3:
            text = first + phrase
        else:
            granted = rng.choice(_OPINIONS[kind][other])
            although, but = rng.choice(_ALTHOUGH)
            text = f"{although}{first}{granted}{but}{second}{phrase}"
        text = rng.choice(_BEFORE) + text + rng.choice(_AFTER)
        rows.setdefault(text, label)
    return list(rows.items())


def write_reviews(path: Path, count: int = 900) -> Path:
    """Writes them as a CSV file with the columns `text` and `label`."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("text", "label"))
        writer.writerows(reviews(count))
    return path
