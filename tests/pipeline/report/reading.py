"""Reads a page: its elements, its facts, and its text by section."""

from __future__ import annotations

from html.parser import HTMLParser

from pipeline.report.page import run_page
from pipeline.runs.summary import RunSummary

_VOID = {"meta", "img", "br", "hr", "input", "link", "wbr"}


class Page(HTMLParser):
    """The elements of a page, its facts, and its text by section."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.facts: list[tuple[str, str]] = []
        self.text: dict[str, str] = {"": ""}
        self.open: list[str] = []
        self._section = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        self.elements.append((tag, attributes))
        if tag not in _VOID:
            self.open.append(tag)
        if tag in ("td", "th", "div"):
            self.text[self._section] += " "
        if tag == "section":
            self._section = attributes["id"] or ""
            self.text[self._section] = ""
        if tag == "data":
            self.facts.append(
                (attributes["data-fact"] or "", attributes["value"] or "")
            )

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text[self._section] += data


def page_of(summary: RunSummary, **more) -> Page:
    return Page(run_page(summary, **more))
