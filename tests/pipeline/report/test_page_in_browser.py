"""The page of a run in a real browser: drawn, legible, quiet; data is only text."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.report.page import run_page
from pipeline.runs.summary import RunSummary
from tests.browser import Browser, browser  # noqa: F401  # a fixture
from tests.pipeline.report import summaries

_PAGES: dict[str, Callable[[], list[RunSummary]]] = {
    "two_classes": lambda: [summaries.summary()],
    "thirty_classes": lambda: [summaries.thirty_classes()],
    "refused": lambda: [summaries.refused()],
    "several_labels": lambda: [summaries.several_labels()],
    "spans": lambda: [summaries.of_span(number) for number in range(1, 15)],
    "hostile": lambda: [summaries.hostile()],
}
# Of a page with plots: how many it has at least.
_PLOTS = {"two_classes": 5, "spans": 10, "several_labels": 4}
_LEAST_CONTRAST = 4.5  # of text, as WCAG 2.2 wants it, level AA

_LOOKED_AT = """JSON.stringify({
  wide: document.documentElement.scrollWidth,
  out: [...document.querySelectorAll("main *, header *")].filter(e =>
    !e.closest(".scroll, svg") && e.getBoundingClientRect().right > innerWidth + 1
  ).map(e => e.outerHTML.slice(0, 200)),
  plots: [...document.querySelectorAll("svg")].map(svg => {
    const box = svg.getBoundingClientRect();
    const lines = [...svg.querySelectorAll("path")].map(p => p.getBoundingClientRect());
    return [box.width, box.height, lines.filter(b => b.width + b.height > 9).length];
  }),
  facts: [...document.querySelectorAll("data")].map(e =>
    [e.dataset.fact, e.value, e.textContent]),
  foreign: document.querySelectorAll("script, img, iframe, link, object").length,
  hit: typeof hit,
})"""

# Colours as the browser blends them: of words that are marked, on the page's own.
_CONTRASTS = """JSON.stringify((() => {
  const rgba = text => {
    const found = text.match(/[\\d.]+/g).map(Number);
    return [...found.slice(0, 3), found[3] ?? 1];
  };
  const over = (top, below) =>
    top.slice(0, 3).map((c, n) => c * top[3] + below[n] * (1 - top[3]));
  const light = colour => {
    const [r, g, b] = colour.map(c => {
      c /= 255;
      return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const page = rgba(getComputedStyle(document.body).backgroundColor);
  const chosen = [".for-5", ".against-5", ".soft", "h1", ".place", "summary", "mark"];
  return chosen.map(name => {
    const style = getComputedStyle(document.querySelector(name));
    const below = light(over(rgba(style.backgroundColor), page));
    const text = light(over(rgba(style.color), page));
    const [low, high] = [below, text].sort((a, b) => a - b);
    return [name, (high + 0.05) / (low + 0.05)];
  });
})())"""


@pytest.fixture(scope="module")
def page(tmp_path_factory) -> Callable[[str], tuple[Path, dict]]:
    """Writes a page once, and returns it with the facts it is made of."""
    folder = tmp_path_factory.mktemp("pages")
    made: dict[str, tuple[Path, dict]] = {}

    def make(name: str) -> tuple[Path, dict]:
        if name not in made:
            runs = _PAGES[name]()
            path = folder / f"{name}.html"
            path.write_text(run_page(runs[-1], runs=runs), "utf-8")
            made[name] = path, json.loads(runs[-1].to_json())
        return made[name]

    return make


def _at(facts, path: str):
    for part in path.split("."):
        facts = facts[int(part)] if isinstance(facts, list) else facts[part]
    return facts


def _is_shown(text: str, value: float | None) -> bool:
    """Whether a text is the value, as rounded as it is written."""
    found = re.fullmatch(r"(-?[\d,]+(?:\.(\d+))?)(%?)", text)
    if found is None:  # a time, a size, or nothing
        return bool(text)
    number = float(found[1].replace(",", ""))
    step = 10 ** -len(found[2] or "")
    scale = 100 if found[3] else 1
    return value is not None and abs(number - value * scale) <= step / 2 + 1e-9


@pytest.mark.parametrize("name", _PAGES)
def test_a_page_is_drawn_whole_at_all_widths_light_and_dark(
    browser: Browser,  # noqa: F811
    page,
    name,
):
    path, facts = page(name)
    for width in (360, 800, 1400):
        for dark in (False, True):
            browser.open(path, width=width, dark=dark)
            seen = json.loads(browser.value(_LOOKED_AT))
            assert browser.complaints() == []
            assert browser.requests() == [path.as_uri()]
            assert seen["out"] == []
            assert seen["wide"] <= width
            assert len(seen["plots"]) >= _PLOTS.get(name, 0)
            for wide, high, lines in seen["plots"]:
                assert 150 < wide <= width
                assert high > 100
                assert lines >= 2
            assert (seen["foreign"], seen["hit"]) == (0, "undefined")
    if name == "hostile":
        return
    assert len(seen["facts"]) > 60
    for place, value, text in seen["facts"]:
        expected = _at(facts, place)
        assert (float(value) if value else None) == expected, place
        assert _is_shown(text, expected), (place, text, expected)


def test_a_script_in_the_data_is_text(browser: Browser, page):  # noqa: F811
    path, _ = page("hostile")
    browser.open(path)
    shown = browser.value("document.body.innerText")
    assert shown.count("<script>hit = 1</script>") > 20
    assert browser.value("document.title").startswith("refused: <script>")
    assert browser.value("[...document.querySelectorAll('*')].every(e => !e.onerror)")


@pytest.mark.parametrize("dark", [False, True])
def test_all_text_is_legible_in_both_themes(browser: Browser, page, dark):  # noqa: F811
    browser.open(page("refused")[0], dark=dark)
    for name, contrast in json.loads(browser.value(_CONTRASTS)):
        assert contrast >= _LEAST_CONTRAST, name


def test_a_page_can_stand_in_a_frame_without_rights(
    browser: Browser,  # noqa: F811
    page,
    tmp_path,
):
    path, _ = page("two_classes")
    outer = tmp_path / "frame.html"
    outer.write_text(
        f'<iframe sandbox src="{path.as_uri()}" width="700" height="500"></iframe>'
    )
    browser.open(outer)
    assert browser.complaints() == []
    assert browser.requests() == [outer.as_uri(), path.as_uri()]


def test_what_is_folded_is_printed(browser: Browser, page):  # noqa: F811
    browser.open(page("two_classes")[0])
    seen = """document.querySelector("ol[start='11'] li").checkVisibility()"""
    assert not browser.value(seen)
    browser.call("Emulation.setEmulatedMedia", media="print")
    assert browser.value(seen)
    assert browser.value("getComputedStyle(document.querySelector('nav')).display") == (
        "none"
    )
    browser.call("Emulation.setEmulatedMedia", media="")
