"""What the table of a review shows, and that it can be read again."""

from __future__ import annotations

import shutil

from components.text_example_gen.corrections import read_corrections, row_id
from components.text_example_gen.values import digest
from pipeline.review.review import _carried
from pipeline.review.rows import LabelledRow
from pipeline.review.table import refuse_filled, shown, unfilled, write_table

CONTROLS = "".join(map(chr, [*range(1, 32), *range(127, 160)]))


def test_a_text_is_shown_in_one_line_without_control_characters():
    assert shown(f"\x01a{CONTROLS}b\x07\x07 c\0") == "a b c"
    assert shown("\x1b[1mbold\x1b[0m") == "[1mbold [0m"
    assert shown("ab\x01cdef", 5) == "ab c…"


def test_a_table_of_texts_with_control_characters_is_read_again(tmp_path):
    rows = [
        LabelledRow(
            text=f"{number} {CONTROLS * 20} film",
            label="neg",
            digest=digest(str(number)),
            split="train",
            source=f"{CONTROLS}.csv",
            position=number,
        )
        for number in range(30)
    ]
    path = tmp_path / "review.csv"
    write_table(path, [_carried(row, "neg") for row in rows])
    refuse_filled(path)  # which takes it for its own
    assert read_corrections(str(path)).undecided == len(rows)
    assert row_id(rows[0].text) in path.read_text(encoding="utf-8-sig")


def test_a_table_that_is_filled_meanwhile_is_not_written_over(tmp_path):
    path = tmp_path / "review.csv"
    assert unfilled(path) == path
    row_id = "t" + "0" * 32
    path.write_text(f"row_id,label,corrected_label\n{row_id},pos,neg\n")
    assert unfilled(path) == tmp_path / "review-2.csv"
    shutil.copy(path, tmp_path / "review-2.csv")
    assert unfilled(path) == tmp_path / "review-3.csv"
