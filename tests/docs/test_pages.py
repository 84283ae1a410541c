"""README.md and the pages of docs/: their links lead somewhere, their code is ours."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

_REPOSITORY = Path(__file__).resolve().parents[2]
_PAGES = [
    _REPOSITORY / "README.md",
    *sorted((_REPOSITORY / "docs").glob("*.md")),
    _REPOSITORY / "kubeflow" / "README.md",
]
_FOLDERS = "keras_elmo|components|pipeline|kubeflow|benchmarks|examples|tools|tests"
_PATH = re.compile(rf"`((?:{_FOLDERS})/[\w./-]*)`")
# Not a file, such as `pipeline.py`.
_MODULE = re.compile(
    r"\b(?:keras_elmo|components|pipeline)(?:\.(?!py\b|md\b)[a-z]\w*)+"
)

_each_page = pytest.mark.parametrize(
    "page", _PAGES, ids=lambda page: str(page.relative_to(_REPOSITORY))
)


def _anchors(page: Path) -> set[str]:
    """The anchors that GitHub makes of the headings of a page."""
    code = re.compile(r"^```.*?^```", flags=re.MULTILINE | re.DOTALL)
    text = code.sub("", page.read_text("utf-8"))
    headings = re.findall(r"^#+ (.*)", text, flags=re.MULTILINE)
    return {
        re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")
        for heading in headings
    }


@_each_page
def test_every_link_leads_to_a_file_and_a_heading_of_it(page):
    links = re.findall(r"\]\(\s*([^)\s]+)\s*\)", page.read_text("utf-8"))
    for link in links:
        if "://" in link:
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        assert not anchor or anchor in _anchors(target), link


@_each_page
def test_every_path_and_module_that_is_named_is_there(page):
    text = page.read_text("utf-8")
    for path in _PATH.findall(text):
        places = (_REPOSITORY / path, page.parent / path)
        assert any(place.exists() for place in places), path
    for module in _MODULE.findall(text):
        parts = module.split(".")
        # The last part may be a function of the module.
        assert any(
            _REPOSITORY.joinpath(*parts[:length]).with_suffix(".py").exists()
            or _REPOSITORY.joinpath(*parts[:length], "__init__.py").exists()
            for length in range(max(2, len(parts) - 1), len(parts) + 1)
        ), module


def test_docs_readme_leads_to_every_page():
    readme = (_REPOSITORY / "docs" / "README.md").read_text("utf-8")
    pages = {page.name for page in (_REPOSITORY / "docs").glob("*.md")}
    for page in pages - {"README.md"}:
        assert f"]({page})" in readme, page


def test_the_readme_shows_the_examples_as_they_are():
    readme = (_REPOSITORY / "README.md").read_text("utf-8")
    shown = re.findall(r"```python\n(.*?)```", readme, flags=re.DOTALL)
    files = sorted((_REPOSITORY / "examples").glob("*.py"))
    # All but the docstring, which the README has as a sentence above the program.
    kept = [path.read_text("utf-8").partition('"""\n\n')[2] for path in files]
    assert sorted(shown) == sorted(kept)
