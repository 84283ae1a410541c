"""What is refused before a pipeline starts."""

from __future__ import annotations

import pytest

from components.text_example_gen.checks import check_data
from components.text_example_gen.errors import DataError
from components.text_example_gen.options import ReadOptions


def test_a_first_look_tells_files_rows_and_labels(tmp_path):
    (tmp_path / "a.csv").write_text("text,label\na,x\nb,y\nc,y\n")
    (tmp_path / "b.jsonl").write_text('{"text": "d", "label": 3}\n')
    preview = check_data(str(tmp_path))
    assert (preview.files, preview.rows) == (2, 4)
    assert preview.labels[0] == "y"
    assert set(preview.labels) == {"x", "y", "3"}


def test_spans_are_looked_through(tmp_path):
    (tmp_path / "3").mkdir()
    (tmp_path / "3" / "a.csv").write_text("text,label\na,x\n")
    assert check_data(f"{tmp_path}/{{SPAN}}/*.csv").rows == 1


def test_a_pattern_that_matches_nothing_says_where_it_looked(tmp_path):
    (tmp_path / "reviews").mkdir()
    (tmp_path / "reviews" / "a.tsv").touch()
    with pytest.raises(DataError) as caught:
        check_data(f"{tmp_path}/reviews/*.csv")
    folder = f"{tmp_path}/reviews"
    assert str(caught.value) == (
        f"No file matches {folder}/*.csv\nhint: {folder} holds a.tsv"
    )
    with pytest.raises(DataError, match=f"hint: {tmp_path} holds reviews"):
        check_data(f"{tmp_path}/revews/*.csv")


def test_a_misspelt_column_is_refused_at_once(tmp_path):
    (tmp_path / "a.csv").write_text("text,label\na,x\n")
    options = ReadOptions(label_column="lable")
    with pytest.raises(DataError, match="did you mean `label`"):
        check_data(str(tmp_path / "a.csv"), options=options)


def test_empty_files_are_refused_and_one_among_others_is_not(tmp_path, caplog):
    (tmp_path / "a.csv").touch()
    with pytest.raises(DataError, match="The data has no rows: .*a.csv is empty"):
        check_data(str(tmp_path / "a.csv"))
    (tmp_path / "b.csv").write_text("text,label\na,x\n")
    assert check_data(str(tmp_path)).rows == 1
    assert "1 files are empty" in caplog.text


def test_one_class_folder_alone_is_refused(tmp_path):
    (tmp_path / "pos").mkdir()
    (tmp_path / "pos" / "1.txt").write_text("good")
    with pytest.raises(DataError, match="all files lie in `pos`"):
        check_data(str(tmp_path), options=ReadOptions(format="folder"))


def test_continuous_labels_are_refused_at_once(tmp_path):
    rows = "".join(f"a {i},{i / 7:.3f}\n" for i in range(100))
    (tmp_path / "a.csv").write_text("text,label\n" + rows)
    with pytest.raises(DataError, match="look like a continuous number: 100 diff"):
        check_data(str(tmp_path))


def test_texts_without_labels_are_enough_where_no_label_is_needed(tmp_path):
    (tmp_path / "a.csv").write_text("id,text\n1,a\n")
    preview = check_data(str(tmp_path), options=ReadOptions(label_column=None))
    assert (preview.rows, preview.labels) == (1, ())
