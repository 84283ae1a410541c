from __future__ import annotations

import json

import pytest

from components.text_example_gen.options import ReadOptions


def test_options_survive_json():
    options = ReadOptions(columns=("label", "text"), header=False, keep_all=True)
    assert ReadOptions.from_dict(json.loads(json.dumps(options.to_dict()))) == options
    options = ReadOptions(text_column=("title", "body"), key_column="id")
    assert ReadOptions.from_dict(json.loads(json.dumps(options.to_dict()))) == options
    several = ReadOptions(label_separator=";", multi_label=True)
    assert ReadOptions.from_dict(json.loads(json.dumps(several.to_dict()))) == several
    assert several.has_several_labels and not options.has_several_labels
    assert options.unique == ("title", "body", "label", "id")


def test_one_text_column_in_a_list_is_that_column():
    assert ReadOptions(text_column=("text",)) == ReadOptions()


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"format": "xlsx"}, "`format` must be one of auto, csv"),
        ({"text_column": "label"}, "`text_column` and `label_column` must differ"),
        ({"text_column": ""}, "`text_column` must not be empty"),
        ({"text_column": ()}, "`text_column` must not be empty"),
        ({"text_column": ("title", "")}, "`text_column` must not be empty"),
        ({"text_column": ("a", "a")}, "`text_column` must not repeat a name"),
        ({"text_column": ("a", "label")}, "`text_column` and `label_column` must"),
        ({"text_column": ("a", "b"), "format": "folder"}, "must be one column with"),
        ({"columns": ("text",)}, "`columns` must contain 'label'"),
        ({"columns": "text"}, "`columns` must be a sequence"),
        ({"columns": ("text", "label", "label")}, "must not repeat"),
        ({"header": False}, "`columns` must name the columns"),
        ({"label_separator": ""}, "`label_separator` must not be empty"),
        ({"delimiter": ",,"}, "`delimiter` must be one character"),
    ],
)
def test_options_that_make_no_sense_are_refused(values, message):
    with pytest.raises(ValueError, match=message):
        ReadOptions(**values)
