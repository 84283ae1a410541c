"""Tests of docs/components.md: its pipeline is the one that a test runs."""

from __future__ import annotations

import re
import textwrap


def test_the_pipeline_on_the_page_is_that_of_the_example(repository):
    page = (repository / "docs" / "components.md").read_text("utf-8")
    (program,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    example = repository / "examples" / "plain_tfx" / "reviews.py"
    text = example.read_text("utf-8")
    imports, wiring = program.split("\n\nexample_gen = ")
    assert imports in text
    assert textwrap.indent(f"example_gen = {wiring}", " " * 4) in text
